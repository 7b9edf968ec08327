package gather

// Whole is the window whose rows a detector takes in until it has all of them (pipeline.Concluder). Unlike Window it takes windows
// that end together for one, which begins as the first of them, and has none that are told anew. The zero value has seen none.
type Whole struct {
	Span      // of the rows that came last
	Any  bool // whether there were any
	Over bool // it was judged: what still comes of it is late

	judged Span
}

// Complete ends the window if it ends at t or before, and tells whether it is to be judged now.
func (o *Whole) Complete(t int64) bool {
	if !o.Any || o.Over || o.End > t {
		return false
	}
	o.Over, o.judged = true, o.Span
	return true
}

// Take takes the time of rows that come. They are late if what ends with them is over. Windows come in order of their end, so what ends
// before they do is complete: the detector judges that first.
func (o *Whole) Take(of Span) (late bool) {
	if o.Any && of.End <= o.End {
		return o.Over
	}
	o.Span, o.Any, o.Over = of, true, false
	return false
}

// Judged returns the window that was judged last.
func (o *Whole) Judged() (start, end int64) { return o.judged.Start, o.judged.End }
