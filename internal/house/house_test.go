package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/homeostat/homeostat"

// A rule says what the packages at or below a folder may import of our own. The longest match counts. "x/..." is x and
// all below it, "x" is x alone.
var rules = map[string][]string{
	"pipeline":                 {},
	"pipeline/config":          {"pipeline"},
	"pipeline/plan":            {"pipeline", "pipeline/config"},
	"pipeline/engine":          {"pipeline", "pipeline/plan", "pipeline/engine/snapshot", "schemas", "schemas/codec/sniff", "internal/broker", "operators/state"},
	"schemas":                  {"pipeline", "schemas/arrowipc"},
	"schemas/arrowipc":         {},
	"schemas/histogram":        {},
	"schemas/codec":            {"pipeline", "schemas", "schemas/codec/ansi", "schemas/codec/decimal", "schemas/codec/fields", "schemas/codec/jsonmetrics", "schemas/codec/jsontext", "schemas/codec/memo", "schemas/codec/moment", "schemas/codec/octets", "schemas/codec/registry", "schemas/codec/severity", "schemas/codec/streams", "schemas/codec/values", "schemas/codec/wire", "schemas/histogram"},
	"schemas/codec/codectest":  {"pipeline"},
	"internal/broker":          {"pipeline"},
	"internal/broker/embedded": {"pipeline"},
	"internal/golden":          {"..."},
	"internal/doctor":          {"pipeline", "pipeline/config", "pipeline/plan", "pipeline/engine/...", "internal/broker"},
	"internal/draft":           {"pipeline", "pipeline/config", "schemas/codec/sniff"},
	"internal/house":           {},
	"internal/outline":         {"pipeline"},
	"internal/report":          {"pipeline", "schemas"},
	"operators":                {"pipeline", "schemas/...", "operators/state/...", "operators/choose", "operators/expr/kernel", "operators/gather", "operators/detect/alarm", "operators/detect/baseline", "operators/detect/ewma", "operators/detect/members", "operators/detect/runs", "operators/detect/tail", "operators/detect/univariate"},
	"operators/operatortest":   {"pipeline", "pipeline/engine", "operators/state", "schemas/..."},
	"sources":                  {"pipeline", "schemas/..."},
	"sources/kafka":            {"pipeline", "schemas/...", "internal/broker"},
	"sinks":                    {"pipeline", "schemas/..."},
	"sinks/kafka":              {"pipeline", "schemas/...", "internal/broker"},
	"plant":                    {"pipeline", "schemas/...", "sinks/actuator", "internal/broker"},
	"examples":                 {},
	"bench":                    {"..."},
	"cmd":                      {"..."},

	"internal/broker/apachekafka": {"internal/broker/kraft", "internal/broker/authority"},
	"internal/broker/simulated":   {"pipeline", "internal/broker"},
	"operators/templates":         {"pipeline", "operators/state", "operators/templates/miner"},
	"operators/templates/miner":   {},
}

// Packages of others that only one place may import, and files that may not import at all.
var doors = map[string][]string{
	"github.com/segmentio/kafka-go": {"internal/broker"},
	"github.com/twmb/franz-go":      {"internal/broker/embedded", "bench"},
	"go.opentelemetry.io/collector": {"bench/producers"},
	"github.com/spf13/cobra":        {"cmd"},
	"go.yaml.in/yaml":               {"pipeline/config"},
}

// What tests may import besides: the kits of their kind, oracles, and the embedded broker.
var testMayAlso = []string{"operators/operatortest", "schemas/codec/codectest", "sinks/sinktest", "internal/broker/...", "pipeline/...", "examples", "schemas/..."}

func TestImports(t *testing.T) {
	files := 0
	walk(t, func(folder, file string, imports []string) {
		files++
		test := strings.HasSuffix(file, "_test.go")
		allowed, ok := longest(folder)
		if !ok {
			t.Errorf("%s: folder %s has no rule: add one to the rules of the house, or move the file", file, folder)
			return
		}
		for _, path := range imports {
			if ours, found := strings.CutPrefix(path, module+"/"); found {
				if ours != folder && !matches(ours, allowed) && !(test && matches(ours, testMayAlso)) {
					t.Errorf("%s imports %s, which folder %s may not", file, ours, folder)
				}
				continue
			}
			for door, keepers := range doors {
				if under(path, door) && !test && !within(folder, keepers) {
					t.Errorf("%s imports %s, which only %v may", file, path, keepers)
				}
			}
		}
	})
	if files < 50 {
		t.Fatalf("only %d files were looked at: the walk is broken", files)
	}
}

// TestNoInit keeps side effects out of imports. The broker's registration of message types is the one exception.
func TestNoInit(t *testing.T) {
	walkSyntax(t, 0, func(folder, file string, f *ast.File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil && folder != "internal/broker" {
				t.Errorf("%s has an init function: imports must have no side effects", file)
			}
		}
	})
}

// TestKafkaClientMethods forbids the methods that the broker package's own message types break.
func TestKafkaClientMethods(t *testing.T) {
	walkSyntax(t, 0, func(folder, file string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "kafka" && (sel.Sel.Name == "NewReader" || sel.Sel.Name == "Reader" || sel.Sel.Name == "Writer") && !strings.HasSuffix(file, "_test.go") {
				t.Errorf("%s uses kafka.%s, which loses and repeats records: use internal/broker", file, sel.Sel.Name)
			}
			return true
		})
	})
}

func walk(t *testing.T, f func(folder, file string, imports []string)) {
	walkSyntax(t, parser.ImportsOnly, func(folder, file string, syntax *ast.File) {
		imports := make([]string, len(syntax.Imports))
		for i, im := range syntax.Imports {
			imports[i], _ = strconv.Unquote(im.Path.Value)
		}
		f(folder, file, imports)
	})
}

func walkSyntax(t *testing.T, mode parser.Mode, f func(folder, file string, syntax *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), p, nil, mode)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f(path.Dir(rel), rel, syntax)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func longest(folder string) (allowed []string, ok bool) {
	for f := folder; f != "." && f != "/"; f = path.Dir(f) {
		if allowed, ok := rules[f]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func matches(ours string, patterns []string) bool {
	for _, p := range patterns {
		if base, all := strings.CutSuffix(p, "..."); all && (base == "" || under(ours, strings.TrimSuffix(base, "/"))) || p == ours {
			return true
		}
	}
	return false
}

func under(p, base string) bool { return p == base || strings.HasPrefix(p, base+"/") }

func within(folder string, keepers []string) bool {
	for _, k := range keepers {
		if under(folder, k) {
			return true
		}
	}
	return false
}
