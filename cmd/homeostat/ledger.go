package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

func ledgerCommand() *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ledger -c FILE",
		Short: "Print the account of every row: in, on, held, and lost by reason",
		Long: "Print the loss ledger of a pipeline, lane by lane, as of the lanes' newest snapshots: those of a pipeline that was\n" +
			"stopped are of its end. It fails when an account does not balance. Live figures are in the metric homeostat_rows_total.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			accounts, err := readAccounts(cmd.Context(), path)
			if err != nil {
				return err
			}
			if asJSON {
				err = printAccountsJSON(cmd.OutOrStdout(), accounts)
			} else {
				err = printAccounts(cmd.OutOrStdout(), accounts)
			}
			if err != nil {
				return err
			}
			for _, a := range accounts {
				if !a.Balanced() {
					return pipeline.Errorf("ledger.unbalanced", "BUG: the account of lane %s does not balance: %d rows came in, and %d went on, are held or lost: please report it", a.Lane, a.In, a.Accounted())
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "the pipeline's file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one line of JSON a lane")
	return cmd
}

// readAccounts reads the accounts of all lanes from their newest snapshots, in the order of the flow.
func readAccounts(ctx context.Context, path string) ([]snapshot.Account, error) {
	store, stop, err := openState(ctx, path)
	if err != nil {
		return nil, err
	}
	defer stop()
	found, err := store.Load(ctx)
	if err != nil {
		return nil, err
	}
	var accounts []snapshot.Account
	for _, lane := range slices.Sorted(maps.Keys(found)) {
		newest := found[lane][0]
		if newest.Err != nil {
			return nil, newest.Err
		}
		accounts = append(accounts, newest.Account)
	}
	order := []string{string(pipeline.Ingest), string(pipeline.Detect), string(pipeline.Operate), string(pipeline.Act)}
	slices.SortStableFunc(accounts, func(a, b snapshot.Account) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Stage), slices.Index(order, b.Stage)), cmp.Compare(a.Source, b.Source))
	})
	return accounts, nil
}

// openState opens where the states of a pipeline's lanes lie.
func openState(ctx context.Context, path string) (store snapshot.Store, stop func(), err error) {
	if err := requireFlag("config", path, "name the pipeline's file"); err != nil {
		return nil, nil, err
	}
	cfg, p, err := load(path)
	if err != nil {
		return nil, nil, err
	}
	if p.State.Directory != "" {
		return engine.StateStore(p, nil), func() {}, nil
	}
	if len(p.Bootstrap) == 0 {
		return nil, nil, pipeline.Errorf("cli.state.embedded", "pipeline %s runs on an embedded broker, which ends with its process and its state with it: name brokers in kafka.bootstrap, or a directory in state.directory", p.Pipeline)
	}
	client, stop, err := connect(ctx, accessOf(p), p.Instance, newLogger(os.Stderr, cfg.Log))
	if err != nil {
		return nil, nil, err
	}
	n, err := client.Partitions(ctx, p.Topics.State.Name)
	if err != nil {
		stop()
		return nil, nil, err
	}
	p.Topics.State.Partitions = n
	return engine.StateStore(p, client.Cluster()), stop, nil
}

func printAccountsJSON(w io.Writer, accounts []snapshot.Account) error {
	e := json.NewEncoder(w)
	for i := range accounts {
		if err := e.Encode(&accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

func printAccounts(w io.Writer, accounts []snapshot.Account) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tlane\tin\ton\theld\tlost\tby reason")
	for _, a := range accounts {
		lost := int64(0)
		for _, n := range a.Lost {
			lost += n
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", a.Stage, a.Lane, a.In, a.On, a.Held, lost, reasons(&a))
	}
	return t.Flush()
}

// reasons lists what was lost at the lane's door, and behind it in operators.
func reasons(a *snapshot.Account) string {
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(a.Lost)) {
		out = append(out, fmt.Sprintf("%s %d", reason, a.Lost[reason]))
	}
	for _, op := range slices.Sorted(maps.Keys(a.Operators)) {
		for _, reason := range slices.Sorted(maps.Keys(a.Operators[op])) {
			out = append(out, fmt.Sprintf("in %s %s %d", op, reason, a.Operators[op][reason]))
		}
	}
	return strings.Join(out, ", ")
}
