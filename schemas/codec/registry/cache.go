package registry

import (
	"errors"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Cache keeps what a codec has made of the schemas of a registry. Schemas never change under their id, so that is kept for good; what
// is of no use is asked for again after the time in forget. It is used by one goroutine.
type Cache[T any] struct {
	client  *Client
	typ     string
	of      func(*Schema) (T, error)
	made    map[uint32]T
	useless map[uint32]useless
}

// useless is a schema that the registry has not, or that is of no use, until it is asked for again.
type useless struct {
	fault error
	until time.Time
}

// most bounds how many schemas are kept of each sort. Ids of records that nobody should write could be any.
const most = 10_000

// NewCache makes a cache of what a function makes of schemas of a type.
func NewCache[T any](client *Client, typ string, of func(*Schema) (T, error)) *Cache[T] {
	return &Cache[T]{client: client, typ: typ, of: of, made: map[uint32]T{}, useless: map[uint32]useless{}}
}

// Get returns what was made of a schema. It fails with a pipeline.Unavailable if nobody can say now what the schema is.
func (c *Cache[T]) Get(id uint32) (T, error) {
	if t, ok := c.made[id]; ok {
		return t, nil
	}
	var none T
	if u, ok := c.useless[id]; ok && time.Now().Before(u.until) {
		return none, u.fault
	}
	s, err := c.client.Schema(id, c.typ)
	if err != nil {
		return none, c.keep(id, err)
	}
	t, err := c.of(s)
	if err != nil {
		return none, c.keep(id, err)
	}
	if len(c.made) >= most {
		clear(c.made)
	}
	c.made[id] = t
	delete(c.useless, id)
	return t, nil
}

// keep remembers why a schema is of no use, unless that is nobody's word.
func (c *Cache[T]) keep(id uint32, err error) error {
	if !errors.As(err, new(*pipeline.Unavailable)) {
		if len(c.useless) >= most {
			clear(c.useless)
		}
		c.useless[id] = useless{err, time.Now().Add(c.client.forget)}
	}
	return err
}
