package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
)

// Main runs a trial on Apache Kafka until it ends or is interrupted, and exits with 1 if it failed. Flags are parsed by then.
func Main(name string, run func(context.Context) (failed bool, err error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var failed bool
	err := needKafka()
	if err == nil {
		failed, err = run(ctx)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	if failed || err != nil {
		stop()
		os.Exit(1)
	}
}

func needKafka() error {
	if tool := apachekafka.Missing(); tool != "" {
		return fmt.Errorf("no %s found: Apache Kafka needs Java 17 or newer, and Maven for the first time", tool)
	}
	return nil
}

// Settle makes the paths of the program under test and of the folder for what is written absolute, and the folder empty.
func Settle(program, out *string) error {
	for _, path := range []*string{program, out} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return errors.Join(os.RemoveAll(*out), os.MkdirAll(*out, 0o755))
}
