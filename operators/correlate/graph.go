package correlate

import (
	"sort"

	"github.com/homeostat/homeostat/pipeline"
)

// graph is the call graph of a system.
type graph struct {
	callees map[string][]string // sorted
	part    map[string]string   // entity → name of its connected part
}

func newGraph(edges []pipeline.Edge) *graph {
	g := &graph{callees: map[string][]string{}, part: map[string]string{}}
	for _, e := range edges {
		if e.From == "" || e.To == "" || e.From == e.To {
			continue
		}
		g.callees[e.From] = append(g.callees[e.From], e.To)
		g.join(e.From, e.To)
	}
	for from, to := range g.callees {
		sort.Strings(to)
		unique := to[:1]
		for _, t := range to[1:] {
			if t != unique[len(unique)-1] {
				unique = append(unique, t)
			}
		}
		g.callees[from] = unique
	}
	return g
}

func (g *graph) root(entity string) string {
	for {
		parent, ok := g.part[entity]
		if !ok || parent == entity {
			return entity
		}
		// Halving the path keeps the next search short.
		if above := g.part[parent]; above != parent {
			g.part[entity] = above
			parent = above
		}
		entity = parent
	}
}

func (g *graph) join(a, b string) {
	a, b = g.root(a), g.root(b)
	if b < a {
		a, b = b, a
	}
	g.part[a], g.part[b] = a, a
}

// node returns the entity's place in the graph: itself, or its role (pods of a service stand for it), or "".
func (g *graph) node(entity string) string {
	if _, ok := g.part[entity]; ok {
		return entity
	}
	if role := roleName(entity); role != entity {
		if _, ok := g.part[role]; ok {
			return role
		}
	}
	return ""
}

// connected tells whether two entities may be part of one fault. One without a place in the graph may be: missing
// knowledge separates nothing.
func (g *graph) connected(a, b string) bool {
	if a == b {
		return true
	}
	a, b = g.node(a), g.node(b)
	return a == "" || b == "" || g.root(a) == g.root(b)
}

// below lists the nearest nodes under a node for which stop holds: callees, and the callees of those callees for
// which it does not.
func (g *graph) below(node string, stop func(string) bool) []string {
	var found []string
	seen := map[string]bool{node: true}
	queue := []string{node}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, c := range g.callees[n] {
			if seen[c] {
				continue
			}
			seen[c] = true
			if stop(c) {
				found = append(found, c)
			} else {
				queue = append(queue, c)
			}
		}
	}
	return found
}
