package otlp

import (
	"fmt"

	"github.com/homeostat/homeostat/pipeline"
)

// choice finds the attributes that a setting names. Each has a slot, in the order of the setting.
type choice struct {
	names []string
	slots map[string]int
	sizes uint64 // bit n: one of the names has n bytes; bit 63: or more
}

// newChoice reads a setting that names attributes.
func newChoice(s pipeline.Settings, setting string) (choice, error) {
	c := choice{names: s.Texts(setting), slots: map[string]int{}}
	for i, name := range c.names {
		if _, twice := c.slots[name]; twice || name == "" {
			return choice{}, &pipeline.SettingFault{Path: fmt.Sprintf("%s[%d]", setting, i),
				Err: pipeline.Errorf("otlp.attribute.name", "attribute name %q is empty or comes twice", name)}
		}
		c.slots[name] = i
		c.sizes |= 1 << min(len(name), 63)
	}
	return c, nil
}

// slot returns the slot of an attribute, if it is chosen. Most are not, which their length tells as a rule.
func (c *choice) slot(key []byte) (int, bool) {
	if c.sizes&(1<<min(len(key), 63)) == 0 {
		return 0, false
	}
	slot, ok := c.slots[string(key)]
	return slot, ok
}

// chosen says where the values of chosen attributes stand, by slot.
type chosen struct {
	values []extent
	any    bool
}

func newChosen(slots int) chosen { return chosen{values: make([]extent, slots)} }

func (c *chosen) clear() {
	if c.any {
		clear(c.values)
		c.any = false
	}
}

// set notes a value. Of equal names the last one counts.
func (c *chosen) set(slot int, value extent) { c.values[slot], c.any = value, true }
