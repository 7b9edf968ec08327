package operatortest

import "github.com/homeostat/homeostat/pipeline"

// Settings returns a component's settings as a configuration that says nothing but changes would: names and values in turn, each
// value in its Go form.
func Settings(spec pipeline.Spec, changes ...any) pipeline.Settings {
	s := pipeline.Settings{}
	for _, d := range spec.Settings {
		if d.Default != nil {
			s[d.Name] = d.Default
		}
	}
	for i := 0; i < len(changes); i += 2 {
		s[changes[i].(string)] = changes[i+1]
	}
	return s
}
