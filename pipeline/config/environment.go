package config

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// expandEnv replaces ${NAME} and ${NAME:-default} in a scalar; $${ stands for ${ itself. The default counts when the
// variable is not set or empty. reference is true when the text is nothing but one ${NAME}.
func expandEnv(raw string, getenv func(string) (string, bool)) (text string, reference bool, err error) {
	if !strings.Contains(raw, "${") {
		return raw, false, nil
	}
	var b strings.Builder
	rest := raw
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			b.WriteString(rest)
			return b.String(), reference, nil
		}
		if i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1])
			b.WriteString("${")
			rest = rest[i+2:]
			continue
		}
		b.WriteString(rest[:i])
		body, after, closed := strings.Cut(rest[i+2:], "}")
		name, fallback, hasFallback := strings.Cut(body, ":-")
		if !closed || !envName(name) {
			return "", false, pipeline.Errorf("config.env.syntax", "a reference that starts with ${ is not understood: write ${NAME} or ${NAME:-default}, and $${ for the characters themselves")
		}
		value, set := getenv(name)
		switch {
		case hasFallback && value == "":
			value = fallback
		case !set && !hasFallback:
			return "", false, pipeline.Errorf("config.env.missing", "environment variable %s is not set: set it, or give a default with ${%s:-…}", name, name)
		}
		b.WriteString(value)
		reference = !hasFallback && len(body)+3 == len(raw)
		rest = after
	}
}

func envName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
