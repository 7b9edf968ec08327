package gather

import "testing"

func TestWhole(t *testing.T) {
	var o Whole
	for i, c := range []struct {
		start, end  int64 // of rows that come; 0, 0: none do, and all up to at is complete
		at          int64
		late, judge bool
	}{
		{at: 100},           // nothing came
		{start: -5, end: 0}, // whatever the first one is
		{at: -1},
		{start: 0, end: 10, judge: true}, // what ends later shows that the first one is complete
		{start: 5, end: 10},              // what ends with it belongs to it
		{start: -5, end: 0},              // and so does what should have come before
		{at: 9},
		{at: 10, judge: true},
		{at: 30}, // once
		{start: 0, end: 10, late: true},
		{start: -5, end: 0, late: true},
		{start: 10, end: 20},
		{at: 20, judge: true},
	} {
		before := o
		judge, late := o.Complete(c.at), false
		if c.start != c.end {
			o = before
			judge = o.Complete(c.end - 1)
			late = o.Take(Span{c.start, c.end})
		}
		if judge != c.judge || late != c.late {
			t.Errorf("%d: judged %t, late %t, want %+v", i, judge, late, c)
		}
		if start, end := o.Judged(); judge && (Span{start, end}) != before.Span {
			t.Errorf("%d: judged [%d,%d), not %v", i, start, end, before.Span)
		}
	}
}
