// Package operatortest is the conformance kit for operators and detectors, for those of this project and for anybody
// else's.
//
// A test gives the kit a constructor, an input and what must come out:
//
//	func TestDoubles(t testing.TB) {
//		operatortest.Run(t, operatortest.Case{
//			New: func() (pipeline.Operator, error) { return double.New(pipeline.Settings{"factor": 2.0}) },
//			Input: operatortest.Script(t, `
//				points cpu{host="a"} at 10s every 1s: 1 2 3
//				watermark 20s`),
//			Want: `
//				10s cpu{host="a"} 2
//				11s cpu{host="a"} 4
//				12s cpu{host="a"} 6`,
//		})
//	}
//
// The kit runs the case many times over and demands the same rows, bit by bit, each time:
//
//   - input cut into batches of 1 row, of 7, as large as possible, and at random;
//   - columns that are slices of larger ones, with foreign rows before and after;
//   - input memory overwritten as soon as it is given back, so that whoever kept it without Retain reads rubbish;
//   - a consumer that keeps all output to the end, and one that gives it back at once;
//   - where the operator is a pipeline.Snapshotter: state saved, and restored into a new operator, at each border; and
//     state frozen several times at each border, of which one is released unwritten, one written by another goroutine while
//     the operator takes more input, and one after that, also when the operator is closed: all give the same bytes;
//   - rows between two watermarks in any order, if the case says AnyOrder;
//   - watermarks as in the input, also in between, and (if no row is late) only the last one;
//   - of a detector that is a pipeline.Concluder: what is found of a window comes when that is complete, not with rows of the next;
//   - a consumer that fails, at each of the first outputs;
//   - an input that ends early: what was said until then must not change (no look-ahead);
//   - Close without Open, Close twice, and at the end not a byte of Arrow memory in use.
//
// Where that takes too long under the race detector, ThreadsOnly leaves it what it is for.
//
// # Notation
//
// A script has one statement a line; # begins a comment.
//
//	points KEY at TIME [every STEP] [start TIME]: VALUES
//	logs KEY at TIME [every STEP]: SEVERITIES
//	windows KEY at TIME every SIZE: VALUES
//	watermark TIME
//
// TIME and STEP are durations (10s, 1m30s) since 1970. KEY is the series' canonical text as pipeline.SeriesKey writes it:
// cpu{host="a"}, requests:delta{}, app:stream{host="a"}.
//
// VALUES are numbers with a space between, in Prometheus' series notation: "_" leaves one out, "_x3" three; "5x2" is
// 5 5 5; "1+2x3" is 1 3 5 7. Severities may be followed by a quoted body: 17"disk full".
// In a windows statement a value v is a window of one point v (of v records for a stream), and n/s is a window with
// count n and sum s. Adjacent windows statements are merged by time, and each window is followed by the watermark
// of its end.
//
// Scopes: the entity is the label entity, service or host, whichever comes first, the system the label system, the lock domain
// the entity.
package operatortest
