package cluster_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// permissions returns those that the package documentation lists for a gateway
// of the cluster "test", with or without those of a writer.
func permissions(t *testing.T, gateway string, write bool) *server.Permissions {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, doc, _ = bytes.Cut(doc, []byte("# Permissions"))
	var lists [][]string // to subscribe, to publish, and to write
	listed := false
	for line := range strings.Lines(string(doc)) {
		subjects, ok := strings.CutPrefix(line, "//\t")
		if ok && !listed {
			lists = append(lists, nil)
		}
		listed = ok
		for s := range strings.FieldsSeq(subjects) {
			tokens := strings.Split(s, ".")
			for i, token := range tokens {
				switch {
				case token == "C":
					tokens[i] = "test"
				case token == "G":
					tokens[i] = gateway
				case strings.HasSuffix(token, "ecmp_C"):
					tokens[i] = strings.TrimSuffix(token, "C") + "test"
				}
			}
			if ok {
				lists[len(lists)-1] = append(lists[len(lists)-1], strings.Join(tokens, "."))
			}
		}
	}
	require.Len(t, lists, 3)
	publish := lists[1]
	if write {
		publish = append(publish, lists[2]...)
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: lists[0]},
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	url := one(t, func(o *server.Options) {
		for _, u := range []struct {
			name  string
			write bool
		}{{"writer", true}, {"reader", false}} {
			o.Users = append(o.Users, &server.User{
				Username: u.name, Password: u.name + "-password", Permissions: permissions(t, u.name, u.write),
			})
		}
	})
	credentials := func(name, user string) cluster.Config {
		c := config(name, url)
		c.NATS.User, c.NATS.Password = user, user+"-password"
		return c
	}
	var denied *cluster.PermissionError

	_, err := cluster.Connect(soon(t), credentials("reader", "reader"))
	require.ErrorAs(t, err, &denied, "nobody has made the bucket")
	require.Equal(t, "$JS.API.STREAM.CREATE.KV_ecmp_test", denied.Subject)

	wrong := credentials("reader", "reader")
	wrong.NATS.Password = "wrong"
	_, err = cluster.Connect(soon(t), wrong)
	require.ErrorContains(t, err, "Authorization Violation")

	writer, _ := join(t, connect(t, credentials("writer", "writer")), selector.Bounded{Slots: 1024})
	_, err = writer.Update(soon(t), put("a=1 b=2"))
	require.NoError(t, err)
	reader, group := join(t, connect(t, credentials("reader", "reader")), nil)
	require.Equal(t, writer.View().Fingerprint(), group.Load().Fingerprint())

	_, err = reader.Update(soon(t), put("c=3"))
	require.ErrorAs(t, err, &denied)
	require.Equal(t, cluster.PermissionError{Gateway: "reader", Subject: "$KV.ecmp_test.web"}, *denied)
	require.NotErrorIs(t, err, cluster.ErrUnknown)

	version, err := writer.Update(soon(t), put("c=3"))
	require.NoError(t, err)
	require.NoError(t, reader.Wait(soon(t), version))
	require.Equal(t, writer.View().Fingerprint(), group.Load().Fingerprint())

	// Each has heard of the other, and has its proof.
	for _, pair := range [][2]*cluster.Membership{{writer, reader}, {reader, writer}} {
		eventually(t, "a heartbeat", func() bool {
			p, ok := pair[0].Conn().Peer(pair[1].Conn().Config().Gateway)
			return ok && p.Refused == nil && p.Groups["web"].Version == version
		})
	}

	// One can't speak for another.
	require.NoError(t, reader.Conn().NATS().Publish("ecmp.test.heartbeat.writer", []byte("{}")))
	require.NoError(t, reader.Conn().NATS().Flush())
	require.Zero(t, writer.Conn().HeartbeatStats().Forged)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	a, _ := join(t, connect(t, config("g1", url)), nil)
	b, _ := join(t, connect(t, config("g2", url)), nil)
	eventually(t, "a peer", func() bool { p, ok := a.Conn().Peer("g2"); return ok && p.Live && p.Refused == nil })
	require.NoError(t, b.Conn().Close(soon(t)))
	eventually(t, "the peer's leave", func() bool { _, ok := a.Conn().Peer("g2"); return !ok })
	_, err := b.Update(soon(t), put("a=1"))
	require.ErrorIs(t, err, cluster.ErrClosed)
	require.ErrorIs(t, b.Wait(soon(t), 1000), cluster.ErrClosed)
	_, _, err = cluster.Join(soon(t), b.Conn(), selector.NewDomain(), cluster.GroupConfig[int]{Name: "web"})
	require.Error(t, err)
	_, _, err = cluster.Join(soon(t), a.Conn(), selector.NewDomain(), cluster.GroupConfig[int]{Name: "web"})
	require.ErrorContains(t, err, "already")
}

// TestLeftGroup closes a gateway's part in a group that lives on.
func TestLeftGroup(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	conn := connect(t, config("g1", url))
	left, _ := join(t, conn, nil)
	stays, _ := join(t, connect(t, config("g2", url)), nil)
	waiting, patient := make(chan error, 1), soon(t)
	go func() { waiting <- left.Wait(patient, 1000) }()
	left.Close()
	require.ErrorIs(t, <-waiting, cluster.ErrClosed)
	version, err := stays.Update(soon(t), put("a=1"))
	require.NoError(t, err)
	require.ErrorIs(t, left.Wait(soon(t), version), cluster.ErrClosed)
	_, err = left.Update(soon(t), put("b=1"))
	require.ErrorIs(t, err, cluster.ErrClosed)
	require.NotErrorIs(t, err, cluster.ErrUnknown, "it was not sent")
	_, err = left.UpdatePlanned(soon(t), put("b=1"))
	require.ErrorIs(t, err, cluster.ErrClosed)
	_, again := join(t, conn, nil)
	require.Equal(t, 1, again.Load().Len())
}

// A gateway without a server forwards on, says since when, and its changes are
// not made and not lost in silence.
func TestCutOff(t *testing.T) {
	t.Parallel()
	way := wayTo(t, one(t, nil))
	m, group := join(t, connect(t, config("g1", way.Addr)), selector.Rendezvous{})
	_, err := m.Update(soon(t), put("a=1 b=1"))
	require.NoError(t, err)
	view := group.Load().View()
	before := time.Now()
	way.Cut(true)
	eventually(t, "the cut", func() bool { _, cut := m.Conn().Cut(); return cut })
	since, _ := m.Conn().Cut()
	require.False(t, since.Before(before))
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err = m.Update(ctx, put("c=1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Same(t, view, group.Load().View())
	require.GreaterOrEqual(t, group.Load().Select(1<<40), int32(0))
	way.Cut(false)
	eventually(t, "the server", func() bool { _, cut := m.Conn().Cut(); return !cut })
	_, err = m.Update(soon(t), put("d=1"))
	require.NoError(t, err)
}
