package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"text/tabwriter"
)

// account is what `homeostat ledger --json` says of a lane.
type account struct {
	Stage, Lane  string
	In, On, Held int64
	Lost         map[string]int64
}

func (a account) lost() int64 {
	n := int64(0)
	for _, rows := range a.Lost {
		n += rows
	}
	return n
}

// ledger asks the program for the accounts of all lanes after a drain.
func ledger(program, config string) (map[string]account, error) {
	var said, complaint bytes.Buffer
	cmd := exec.Command(program, "ledger", "--json", "-c", config)
	cmd.Stdout, cmd.Stderr = &said, &complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the ledger: %w: %s", err, complaint.String())
	}
	accounts := map[string]account{}
	for dec := json.NewDecoder(&said); ; {
		var a account
		err := dec.Decode(&a)
		if err == io.EOF {
			return accounts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the ledger: %w", err)
		}
		accounts[a.Lane] = a
	}
}

// judgeLedgers compares the accounts of both runs: each must balance, and each lane must have had the same rows in and
// lost the same for the same reasons. What is held at the end may differ: it depends on how far idle time had come.
func judgeLedgers(disturbed, undisturbed map[string]account) (wrong []string) {
	for _, lane := range slices.Sorted(maps.Keys(undisturbed)) {
		d, u := disturbed[lane], undisturbed[lane]
		for _, a := range []account{d, u} {
			if a.In != a.On+a.Held+a.lost() {
				wrong = append(wrong, fmt.Sprintf("the account of lane %s does not balance: %+v", lane, a))
			}
		}
		if d.In != u.In || !maps.Equal(d.Lost, u.Lost) {
			wrong = append(wrong, fmt.Sprintf("lane %s accounts for %d rows in and %v lost, undisturbed for %d and %v", lane, d.In, d.Lost, u.In, u.Lost))
		}
	}
	return wrong
}

// printLedgers writes both ledgers side by side.
func (r *report) printLedgers(out io.Writer) {
	if r.ledgers[0] == nil || r.ledgers[1] == nil {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nledger, disturbed and undisturbed\tin\t\ton\t\theld\t\tlost\t\t\n")
	for _, lane := range slices.Sorted(maps.Keys(r.ledgers[1])) {
		d, u := r.ledgers[0][lane], r.ledgers[1][lane]
		fmt.Fprintf(w, "%s %s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", u.Stage, lane, d.In, u.In, d.On, u.On, d.Held, u.Held, d.lost(), u.lost())
	}
	_ = w.Flush() // as fmt.Fprintf
}
