package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// account is what was written to a topic, or read from it: each value by the type of its series, each line of logs as "SEVERITY
// BODY", and what could not be used.
type account struct {
	values      map[string][]float64 // gauge, delta, cumulative
	lines       []string
	lost        map[string]int // rows, by reason
	undecodable int            // records
}

func newAccount() *account {
	return &account{values: map[string][]float64{}, lost: map[string]int{}}
}

const (
	gauge      = "gauge"
	delta      = "delta"
	cumulative = "cumulative"
)

func (a *account) add(series string, values ...float64) {
	a.values[series] = append(a.values[series], values...)
}

// line adds a line of logs.
func (a *account) line(severity int, body string) {
	a.lines = append(a.lines, strconv.Itoa(severity)+" "+body)
}

// rows is how many rows there are.
func (a *account) rows() int {
	n := len(a.lines)
	for _, v := range a.values {
		n += len(v)
	}
	return n
}

func (a *account) allLost() int {
	n := 0
	for _, lost := range a.lost {
		n += lost
	}
	return n
}

// minus returns the differences between what was written and what was read, in words.
func (a *account) minus(read *account) []string {
	var all []string
	for _, series := range []string{gauge, delta, cumulative} {
		all = append(all, differ(series+" values", a.values[series], read.values[series])...)
	}
	all = append(all, differ("lines", a.lines, read.lines)...)
	if !maps.Equal(a.lost, read.lost) {
		all = append(all, fmt.Sprintf("lost are %s, and %s was expected", reasons(read.lost), reasons(a.lost)))
	}
	if a.undecodable != read.undecodable {
		all = append(all, fmt.Sprintf("%d records could not be decoded, and %d were expected", read.undecodable, a.undecodable))
	}
	return all
}

// differ compares two multisets.
func differ[T float64 | string](what string, want, got []T) []string {
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	if slices.Equal(want, got) {
		return nil
	}
	if i, j := firstOnly(want, got), firstOnly(got, want); i >= 0 || j >= 0 {
		said := fmt.Sprintf("%s: %d written, %d read", what, len(want), len(got))
		if i >= 0 {
			said += fmt.Sprintf("; %#v was written and not read", want[i])
		}
		if j >= 0 {
			said += fmt.Sprintf("; %#v was read and not written", got[j])
		}
		return []string{said}
	}
	return nil
}

// firstOnly finds the first of a sorted list that the other one has not as often; -1 is none.
func firstOnly[T float64 | string](a, b []T) int {
	j := 0
	for i := range a {
		for j < len(b) && b[j] < a[i] {
			j++
		}
		if j == len(b) || b[j] != a[i] {
			return i
		}
		j++
	}
	return -1
}

func reasons(lost map[string]int) string {
	var all []string
	for _, reason := range slices.Sorted(maps.Keys(lost)) {
		all = append(all, fmt.Sprintf("%s %d", reason, lost[reason]))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
