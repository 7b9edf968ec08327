package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// rights compares what each stage needs with what the brokers say that this user may do.
func rights(ctx context.Context, e *examination) {
	chosen, err := e.plan.Choose(e.Stages...)
	if err != nil {
		e.failed("", err, "name stages that the pipeline has")
		return
	}
	for _, s := range chosen {
		e.rightsOf(ctx, s)
	}
}

func (e *examination) rightsOf(ctx context.Context, s *plan.Stage) {
	subject := "stage " + string(s.Stage)
	acls, err := e.plan.ACLs(s.Stage)
	if err != nil {
		e.failed(subject, err, "correct "+e.File)
		return
	}
	var missing, unknown []string
	absent := 0
	for _, a := range acls {
		has, known, err := e.may(ctx, a)
		text := a.Operation + " on " + strings.ReplaceAll(a.Resource, "-", " ") + " " + a.Name
		switch {
		case err != nil:
			e.failed(subject, err, "see the brokers' logs")
			return
		case a.Resource == "topic" && e.view.Topics[a.Name].Err != nil && !has && !known:
			absent++
		case !known:
			unknown = append(unknown, text)
		case !has:
			missing = append(missing, text)
		}
	}
	switch {
	case len(missing) > 0:
		e.add(Finding{Status: Fault, Subject: subject, Code: "kafka.access", Text: "this user lacks " + strings.Join(missing, ", "),
			Remedy: "have them granted: homeostat explain --acls " + e.File + " writes the commands"})
	case len(unknown)+absent > 0:
		var but []string
		if absent > 0 {
			but = append(but, fmt.Sprintf("%d are on topics that are not there yet", absent))
		}
		if len(unknown) > 0 {
			but = append(but, "only a trial tells of "+strings.Join(unknown, ", ")+" (--write)")
		}
		e.ok(subject, "none of %d rights is refused; %s", len(acls), strings.Join(but, ", "))
	default:
		e.ok(subject, "this user has all %d rights that it needs", len(acls))
	}
}

// may says whether this user has a right, as far as the brokers tell.
func (e *examination) may(ctx context.Context, a plan.ACL) (has, known bool, err error) {
	switch a.Resource {
	case "topic":
		t := e.view.Topics[a.Name]
		if broker.Denied(t.Err) {
			return false, true, nil
		}
		if t.Err != nil {
			return false, false, nil // it is not there yet
		}
		return t.Rights.Allow(a.Operation), t.Rights.Known(), nil
	case "group":
		g, err := e.client.Group(ctx, a.Name)
		if err != nil {
			return false, true, notDenied(err)
		}
		return g.Rights.Allow(a.Operation), g.Rights.Known(), nil
	}
	// Whoever may write under a transactional id may also see it; only a trial shows that it may be written.
	if err := e.client.MayTransact(ctx, e.plan.TransactionalID); err != nil {
		return false, broker.Denied(err), notDenied(err)
	}
	if !e.Write {
		return false, false, nil
	}
	if err := e.client.TryTransaction(ctx, e.plan.Pipeline+".doctor"); err != nil {
		return false, broker.Denied(err), notDenied(err)
	}
	return true, true, nil
}

func notDenied(err error) error {
	if broker.Denied(err) {
		return nil
	}
	return err
}
