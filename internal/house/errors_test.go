package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

const errorsPage = "../../docs/errors.md"

const errorsHead = `# Errors

Every error that reaches a user ends in a stable code in parentheses; the text may change, the code may not. This page is
written from the code by ` + "`go test ./internal/house -update`" + ` and checked by its test. %d codes.

| code | says | in |
| --- | --- | --- |
`

// TestErrorsAreListed keeps docs/errors.md true: all codes, each of the right form, each with one meaning.
func TestErrorsAreListed(t *testing.T) {
	codes := map[string][2]string{} // code → text, folder
	form := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)
	walkSyntax(t, 0, func(folder, file string, f *ast.File) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(folder, "operators/operatortest") || strings.HasPrefix(folder, "sinks/sinktest") ||
			strings.HasPrefix(folder, "internal/broker/simulated") {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			code, text := errorOf(call)
			if code == "" {
				return true
			}
			if !form.MatchString(code) {
				t.Errorf("%s: code %q is not of the form subject.fault", file, code)
			}
			if text != "" && text[0] >= 'A' && text[0] <= 'Z' && !strings.HasPrefix(text, "BUG:") && !strings.HasPrefix(text, "SLO") {
				t.Errorf("%s: error %q begins with a capital", file, text)
			}
			if _, ok := codes[code]; !ok {
				codes[code] = [2]string{text, folder}
			}
			return true
		})
	})
	if len(codes) < 100 {
		t.Fatalf("only %d codes were found: the walk is broken", len(codes))
	}
	page := renderErrors(codes)
	if *update {
		if err := os.WriteFile(filepath.FromSlash(errorsPage), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(filepath.FromSlash(errorsPage))
	if err != nil || string(have) != page {
		t.Errorf("docs/errors.md does not say what the code says (%v): run go test ./internal/house -update", err)
	}
}

// errorOf returns the code and text of a call of pipeline.Errorf, or of the configuration's fault functions, which take
// the code and the format as neighbouring literals.
func errorOf(call *ast.CallExpr) (code, text string) {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		name = f.Sel.Name
	case *ast.Ident:
		name = f.Name
	}
	switch name {
	case "Errorf", "fault", "at", "suggest", "refuse":
	default:
		return "", ""
	}
	for i := 0; i+1 < len(call.Args); i++ {
		c, okC := literal(call.Args[i])
		f, okF := literal(call.Args[i+1])
		if okC && !okF && name == "suggest" && i+2 < len(call.Args) {
			f, okF = literal(call.Args[i+2])
		}
		if okC && okF && strings.Contains(c, ".") && !strings.ContainsAny(c, " %:[") && strings.Contains(f, " ") {
			return c, f
		}
	}
	return "", ""
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func renderErrors(codes map[string][2]string) string {
	names := make([]string, 0, len(codes))
	for c := range codes {
		names = append(names, c)
	}
	sort.Strings(names)
	verb := regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
	var b strings.Builder
	fmt.Fprintf(&b, errorsHead, len(names))
	for _, c := range names {
		text := strings.ReplaceAll(verb.ReplaceAllString(codes[c][0], "…"), "%%", "%")
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c, strings.ReplaceAll(text, "|", "\\|"), codes[c][1])
	}
	return b.String()
}
