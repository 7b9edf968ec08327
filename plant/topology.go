package plant

// Entity is a part of the system.
type Entity struct {
	Name string
	// Kind is service, container or database.
	Kind string
	// Parent is the entity that this one is a part of; empty for none.
	Parent string
}

// Call says that one entity sends requests to another.
type Call struct{ From, To string }

// Topology is which entities there are and who calls whom.
type Topology struct {
	Entities []Entity
	Calls    []Call
}

// Topology returns the topology with the instances that are not stopped now. The caller owns it.
func (s *System) Topology() Topology {
	t := Topology{
		Entities: []Entity{
			{Name: entityWeb, Kind: "service"}, {Name: entityBalancer, Kind: "service"},
			{Name: entityApp, Kind: "service"}, {Name: entityDatabase, Kind: "database"},
		},
		Calls: []Call{{entityWeb, entityBalancer}},
	}
	for _, in := range s.instances {
		if in.phase != Stopped {
			t.Entities = append(t.Entities, Entity{Name: in.name, Kind: "container", Parent: entityApp})
			t.Calls = append(t.Calls, Call{entityBalancer, in.name}, Call{in.name, entityDatabase})
		}
	}
	return t
}
