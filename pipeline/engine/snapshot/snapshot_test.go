package snapshot

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

// TestDamagedManifestIsNotUsed flips one bit after the other of a manifest: what it says then is either the same or refused.
func TestDamagedManifestIsNotUsed(t *testing.T) {
	s, err := New(Manifest{Lane: "left/0", Position: 7}, []string{"lane", "operator/bucket"}, func(name string, w io.Writer) error {
		_, err := io.WriteString(w, "state of "+name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	chunks := map[int][]byte{0: s.body}
	if found := assemble(0, whole, chunks); found.Err != nil {
		t.Fatal(found.Err)
	}
	refused := 0
	for i := range whole {
		for bit := range 8 {
			m := bytes.Clone(whole)
			m[i] ^= 1 << bit
			found := assemble(0, m, chunks)
			if found.Err != nil {
				refused++
				continue
			}
			if again, _ := json.Marshal(found.Snapshot.Manifest); !bytes.Equal(again, whole) {
				t.Errorf("with bit %d of byte %d flipped the manifest is taken for %s", bit, i, m)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
}
