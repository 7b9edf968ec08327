package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what was found.
type report struct {
	lines       []line
	differences []string
	first       []*firstTrial
	windows     int
	got, took   time.Duration
}

// line is one of the table.
type line struct {
	producer, version, encoding, codec, compression string
	records, partitions                             int
	by                                              string // who says what was written
	written, read                                   int    // rows
	lost                                            map[string]int
	undecodable                                     int
	ok                                              bool
}

func (r *report) fail(format string, args ...any) {
	r.differences = append(r.differences, fmt.Sprintf(format, args...))
}

func (r *report) failed() bool { return len(r.differences) > 0 || len(r.lines) == 0 }

// add holds what was read of an encoding, by the ledger and by its values, against what was written.
func (r *report) add(e *encoding, by string, want, got *account, booked int) {
	l := line{
		producer: e.producer, version: e.version, encoding: e.name, codec: e.codec, records: len(e.records), partitions: int(e.partitions), by: by,
		written: want.rows() + want.allLost(), read: booked, lost: got.lost, undecodable: got.undecodable,
	}
	found := want.minus(got)
	if booked != want.rows() {
		found = append(found, fmt.Sprintf("%d rows were written that can be used, and the pipeline took %d", want.rows(), booked))
	}
	if len(e.records) == 0 {
		found = append(found, "nothing was written")
	}
	seen := e.seenCompression()
	l.compression = strings.Join(seen, "+")
	if len(seen) > 0 && !asTold(seen, e.compression) {
		found = append(found, fmt.Sprintf("its batches are compressed by %s, and it was told %s", l.compression, e.compression))
	}
	l.ok = len(found) == 0
	for _, d := range found {
		r.fail("%s, %s (topic %s): %s", e.producer, e.name, e.topic, d)
	}
	r.lines = append(r.lines, l)
}

// asTold tells whether batches are compressed as a producer was told to. What doesn't get smaller by it, as a single short record may not,
// producers send as it is.
func asTold(seen []string, told string) bool {
	return slices.Contains(seen, told) && !slices.ContainsFunc(seen, func(name string) bool { return name != told && name != "none" })
}

func (r *report) print(to io.Writer) {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nproducer\tversion\tencoding\tcodec\tcompression\trecords\trows written\tby\trows read\tlost\tundecodable\tok")
	sum, read := 0, 0
	for _, l := range r.lines {
		ok := "yes"
		if !l.ok {
			ok = "NO"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%s\t%d\t%s\n", l.producer, l.version, l.encoding, l.codec, l.compression, l.records, l.written, l.by, l.read, reasons(l.lost), l.undecodable, ok)
		sum, read = sum+l.written, read+l.read
	}
	if len(r.first) > 0 {
		fmt.Fprintln(t, "\nfirst pipeline of\ttopic\tcodec that init found\tfindings in a quiet hour\tafter a fault\tabout")
	}
	for _, f := range r.first {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\n", f.producer, f.topic, f.codec, f.before, f.after, strings.Join(f.about, " "))
	}
	_ = t.Flush() // standard output
	for _, d := range r.differences {
		fmt.Fprintf(to, "DIFFERENT: %s\n", d)
	}
	outcome := "passed"
	if r.failed() {
		outcome = "FAILED"
	}
	fmt.Fprintf(to, "\n%s: %d encodings, %d rows written, %d read into %d windows; %s to have the producers, %s for the rest\n",
		outcome, len(r.lines), sum, read, r.windows, r.got.Round(time.Second), r.took.Round(time.Second))
}
