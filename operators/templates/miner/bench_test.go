package miner

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// samples are lines as web systems write them.
var samples = strings.Split(`Received block blk_3587508140051953248 of size 67108864 from /10.0.42.84
10.0.194.13:50010 Served block blk_-7724713468912166542 to /10.0.203.80
authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=host8.example.net  user=root
Connection closed by 10.0.4.17 port 48122 [preauth]
10.1.2.3 "GET /v2/carts/54fadb41/items?limit=20 HTTP/1.1" status: 200 len: 1893 time: 0.2477829
Got user-level KeeperException when processing sessionid:0x14ed93111f20027 type:create cxid:0x1d zxid:0x9 txntype:-1 reqpath:n/a
Expiring session 0x14ed93111f20066, timeout of 10000ms exceeded
instruction cache parity error corrected
Task attempt_1445062781478_0011_m_000003_0 is done from TaskContainer with progress 0.72
level=info msg="request done" method=GET path=/api/orders/18 status=200 took=3.4ms
{"order":"a8f3c210-77aa-4c01-9a33-0123456789ab","user":"alice","items":3,"paid":true}
kernel: eth0: link is up at 1000 Mbps, full duplex
GC pause (young) 512.3 MB->87.1 MB took 0.0153 s
connection from 10.4.76.216 (24-54-76-216.example.net) at Fri Jun 17 07:07:00 2005`, "\n")

// BenchmarkLearn takes samples, and the lines of the folder LOGHUB if that is set (data sets in LogHub's layout): as they are, with
// digits changed at random, so that lines are hardly ever the same, and so behind a time and a level.
func BenchmarkLearn(b *testing.B) {
	sets := map[string][][]byte{}
	for _, l := range samples {
		sets["samples"] = append(sets["samples"], []byte(l))
	}
	for _, set := range operatortest.LogHub(b, os.Getenv("LOGHUB")) {
		sets[set.Name] = set.Lines
	}
	for _, lines := range sets {
		sets["all"] = append(sets["all"], lines...)
	}
	names := []string{}
	for name := range sets {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.Run(name+"/same", func(b *testing.B) { learn(b, sets[name]) })
		b.Run(name+"/changed", func(b *testing.B) { learn(b, changed(sets[name], 10, rand.New(rand.NewPCG(1, 2)))) })
		b.Run(name+"/headed", func(b *testing.B) { learn(b, headed(changed(sets[name], 10, rand.New(rand.NewPCG(1, 2))))) })
	}
}

// changed returns each line several times, with other digits behind the first one of each number.
func changed(lines [][]byte, times int, rnd *rand.Rand) (other [][]byte) {
	for range times {
		for _, l := range lines {
			c := bytes.Clone(l)
			for i := 1; i < len(c); i++ {
				if classes[c[i]]&digit != 0 && classes[c[i-1]]&digit != 0 {
					c[i] = byte('0' + rnd.IntN(10))
				}
			}
			other = append(other, c)
		}
	}
	return other
}

// headed returns lines behind a time and a level.
func headed(lines [][]byte) (heads [][]byte) {
	for i, l := range lines {
		heads = append(heads, fmt.Appendf(nil, "2026-01-01T00:%02d:%02d.%03dZ INFO %s", i/60_000, i/1000%60, i%1000, l))
	}
	return heads
}

func learn(b *testing.B, lines [][]byte) {
	m := New(Limits{})
	size := 0
	for _, l := range lines {
		m.Learn(l)
		size += len(l)
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Learn(lines[i])
		if i++; i == len(lines) {
			i = 0
		}
	}
}
