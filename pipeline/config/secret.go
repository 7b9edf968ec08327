package config

import (
	"errors"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// secretFile begins the name of a file that holds a secret. It counts only where it is written in the configuration: the
// value of an environment variable is the secret itself, whatever it begins with.
const secretFile = "file:"

// secret reads the value of a secret setting: nothing but one ${NAME}, or file:PATH, the content of a file without
// the line break at its end. It returns the scalar with that value; nil after reporting what is wrong.
func (r *reader) secret(n *node, path string) *node {
	switch {
	case n.reference:
		return n
	case !strings.HasPrefix(n.raw, secretFile):
		r.fault(n, path, "config.secret.literal", "a secret does not stand in the file: put it into an environment variable and write ${NAME}, or into a file of its own and write file:PATH")
		return nil
	}
	named := *n
	named.text = strings.TrimPrefix(n.text, secretFile)
	file, data := r.open(&named, path)
	if data == nil {
		return nil
	}
	text, err := secretText(file, data)
	if err != nil {
		r.raise(n, path, err)
		return nil
	}
	named.text = text
	return &named
}

// secretText takes a secret from the content of its file.
func secretText(file string, data []byte) (string, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case text == "":
		return "", pipeline.Errorf("config.secret.empty", "the file %s is empty: write the secret into it", file)
	case strings.ContainsAny(text, "\r\n"):
		return "", pipeline.Errorf("config.secret.lines", "the file %s has more than one line: it may hold nothing but the secret", file)
	}
	return text, nil
}

// Secret is a secret of the process's own. It is never printed: it can only be read.
type Secret struct{ text, file, from string }

// Read returns the secret; one of a file is read anew, so that it may be renewed while the process runs.
func (s Secret) Read() (string, error) {
	if s.file == "" {
		return s.text, nil
	}
	data, err := readBounded(s.file)
	if err != nil {
		return "", pipeline.Errorf("config.secret.unreadable", "the secret in %s cannot be read: %w: make the file readable", s.file, err)
	}
	return secretText(s.file, data)
}

// Reference returns how the configuration refers to the secret, ${NAME} or file:PATH, where PATH is the file's own.
func (s Secret) Reference() string {
	if s.file != "" {
		return secretFile + s.file
	}
	return s.from
}

// String implements fmt.Stringer without saying the secret.
func (Secret) String() string { return "(secret)" }

// GoString does the same for %#v.
func (Secret) GoString() string { return "(secret)" }

// MarshalText refuses, so that no encoder writes a secret.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("BUG: a secret is not to be written")
}

// ownSecret returns a secret setting at path together with where it came from.
func (r *reader) ownSecret(root *node, path, text string) Secret {
	n := find(root, path)
	if !n.reference && strings.HasPrefix(n.raw, secretFile) {
		return Secret{file: r.resolve(strings.TrimPrefix(n.text, secretFile))}
	}
	return Secret{text: text, from: n.raw}
}
