package remotewrite

import "github.com/homeostat/homeostat/schemas/codec/memo"

// tables are the tables of symbols that requests of version 2.0 began with. Where one comes again, byte by byte, the same references mean the
// same labels, so a series is found by these alone and no symbol need be looked at.
type tables struct {
	known  memo.Memo // the fields with the symbols → number of the table
	series memo.Memo // by table and kind: references → ordinal
	// hits and misses count requests since all began anew.
	hits, misses int
}

// tablesTrial is how many tables are kept before it is seen whether they come again; of those that don't one in tablesAgain is kept all the
// same, since producers change.
const tablesTrial, tablesAgain = 64, 256

func newTables() tables { return tables{known: memo.New(), series: memo.New()} }

// Bytes returns the memory in use, in bytes.
func (t *tables) Bytes() int { return t.known.Bytes() + t.series.Bytes() }

// keep remembers a table, if it may come again.
func (t *tables) keep(b []byte, hash uint32) {
	if t.misses++; t.misses <= t.hits+tablesTrial || t.misses%tablesAgain == 0 {
		t.known.Add(hash, 0, b, uint32(t.known.Len()))
	}
}

// owner is the owner of references in the memo.
func (t *table) owner(k kind) uint32 { return t.number*uint32(kinds) + uint32(k) }

// table is the table of a request.
type table struct {
	size   int // of the fields with the symbols, which the request begins with; 0: there are none, or others elsewhere
	number uint32
	known  bool
	hash   uint32 // of one that is not known
}

// tabulate reads the symbols that a request begins with. It returns where they end, 0 if there is something odd about them: then it has read none.
func (c *codec) tabulate() int {
	b := c.b
	i := 0
	for i+3 < len(b) && b[i] == tagSymbols {
		size, from := int(b[i+1]), i+2
		if size >= 0x80 {
			size = size&0x7f | int(b[from])<<7
			from++
		}
		if i = from + size; i > len(b) || size >= 1<<14 || size > c.limits.labelBytes {
			c.symbols = c.symbols[:0]
			return 0
		}
		c.symbols = append(c.symbols, span{uint32(from), uint32(i)})
	}
	if len(c.symbols) > partsPerPoint*c.limits.points {
		c.symbols = c.symbols[:0]
		return 0
	}
	c.parts = len(c.symbols)
	return i
}

// lookUp finds out whether the table of a sound request is known.
func (c *codec) lookUp() {
	t := &c.symbolTable
	if t.size == 0 {
		return
	}
	if t.number, t.hash, t.known = c.tables.known.Find(0, c.b[:t.size]); t.known {
		c.tables.hits++
	} else {
		c.tables.keep(c.b[:t.size], t.hash)
	}
}
