package actuator

import (
	"context"

	"github.com/homeostat/homeostat/schemas"
)

// Claim is the durable note that a command is about to be carried out. Times are Unix nanoseconds.
type Claim struct {
	// Key is the idempotency key, Command the id of the command's event.
	Key     string `json:"key"`
	Command string `json:"command"`
	Plan    string `json:"plan"`
	Domain  string `json:"domain"`
	// Owner is the Instance that claims.
	Owner string `json:"owner"`
	// At is when it was claimed; by Until the owner has finished, or it is no more.
	At    int64 `json:"at"`
	Until int64 `json:"until"`
	// Expiry is the command's start deadline: after it a key that is forgotten can do no harm.
	Expiry int64 `json:"expiry"`
	// Over is the token of the open claim that this one takes over, 0 for none.
	Over int64 `json:"over,omitempty"`
}

// Entry is what is known of a key.
type Entry struct {
	Claim Claim
	// Token is from 1, and larger for every later claim: what the command acts on may refuse a smaller one than it saw.
	Token int64
	// Final is the result that ended it, nil while it is open.
	Final *schemas.Event
}

// Claims remembers which commands were claimed and how they ended. Any goroutine may call its methods.
type Claims interface {
	// Lookup returns what is known of a key.
	Lookup(ctx context.Context, key string) (e Entry, found bool, err error)
	// Claim claims a key that is free, or open with the token c.Over, and returns it only after that is durable.
	// Otherwise it changes nothing, won is false, and e is what is there.
	Claim(ctx context.Context, c Claim) (e Entry, won bool, err error)
	// Done ends the claim with that token, durably. A claim that is ended or was taken over is an error, with code
	// claims.lost.
	Done(ctx context.Context, key string, token int64, final schemas.Event) error
}
