package main

import "testing"

func TestLedgersMustBalanceAndAgree(t *testing.T) {
	good := func() map[string]account {
		return map[string]account{"a/0": {In: 10, On: 7, Held: 1, Lost: map[string]int64{"late": 2}}}
	}
	held := good()
	held["a/0"] = account{In: 10, On: 8, Lost: map[string]int64{"late": 2}}
	for name, c := range map[string]struct {
		disturbed map[string]account
		wrong     int
	}{
		"the same":           {good(), 0},
		"held until later":   {held, 0},
		"rows twice":         {map[string]account{"a/0": {In: 11, On: 8, Held: 1, Lost: map[string]int64{"late": 2}}}, 1},
		"another reason":     {map[string]account{"a/0": {In: 10, On: 7, Held: 1, Lost: map[string]int64{"repeat": 2}}}, 1},
		"it does not add up": {map[string]account{"a/0": {In: 10, On: 6, Held: 1, Lost: map[string]int64{"late": 2}}}, 1},
		"no account":         {nil, 1},
	} {
		if got := judgeLedgers(c.disturbed, good()); len(got) != c.wrong {
			t.Errorf("%s: %q", name, got)
		}
	}
}
