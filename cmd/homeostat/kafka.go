package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/internal/broker/kraft"
	"github.com/homeostat/homeostat/pipeline"
)

func kafkaCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "kafka start|stop|status",
		Short: "Run a real Apache Kafka on this machine, a single node, for trials and tests",
		Long: "Run a real Apache Kafka on this machine: one node, on loopback, neither encrypted nor guarded, from jars that Maven\n" +
			"downloads the first time (44 MB). It needs Java 17 or newer and Maven, and runs on when the command has ended. What it\n" +
			"holds is kept in a folder over stop and start.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pipeline.Errorf("cli.usage", "say what to do: homeostat kafka start, stop or status")
		},
	}
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "the folder of its data and log (default: homeostat/kafka in the user's cache folder)")
	node := func() (*kraft.Broker, error) {
		if dir == "" {
			cache, err := os.UserCacheDir()
			if err != nil {
				return nil, pipeline.Errorf("kafka.node.folder", "there is no cache folder: %w: name a folder with --dir", err)
			}
			return kraft.New(filepath.Join(cache, "homeostat", "kafka"))
		}
		return kraft.New(dir)
	}
	cmd.AddCommand(kafkaStartCommand(node), kafkaStopCommand(node), kafkaStatusCommand(node))
	return cmd
}

func kafkaStartCommand(node func() (*kraft.Broker, error)) *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start it, with the data that its folder has, and print its address",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 1 || port > 65534 {
				return pipeline.Errorf("kafka.node.port", "port %d cannot be had, since two in a row are needed: choose one from 1 to 65534", port)
			}
			b, err := node()
			if err != nil {
				return err
			}
			s, err := b.Start(cmd.Context(), kraft.Options{Port: port})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "bootstrap=%s\npid=%d\ndir=%s\n", s.Addr, s.PID, b.Dir())
			return err
		},
	}
	cmd.Flags().IntVar(&port, "port", 9092, "the port to listen on; the next one is used too")
	return cmd
}

func kafkaStopCommand(node func() (*kraft.Broker, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "End it in order; its data stay",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := node()
			if err != nil {
				return err
			}
			s, err := b.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.PID == 0 && s.Controller == 0 {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "it does not run\ndir=%s\n", b.Dir())
				return err
			}
			if err := b.Stop(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "process %d has ended\ndir=%s\n", cmp.Or(s.PID, s.Controller), b.Dir())
			return err
		},
	}
}

func kafkaStatusCommand(node func() (*kraft.Broker, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether it runs, and where; the exit status is 1 if it does not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := node()
			if err != nil {
				return err
			}
			s, err := b.Status(cmd.Context())
			if err != nil {
				return err
			}
			if s.PID == 0 {
				return pipeline.Errorf("kafka.node.stopped", "no broker of %s runs: start it with homeostat kafka start", b.Dir())
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "bootstrap=%s\npid=%d\ndir=%s\n", s.Addr, s.PID, b.Dir())
			return err
		},
	}
}
