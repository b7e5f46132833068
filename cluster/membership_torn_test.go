package cluster_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// What others write to the key of a group, or that they delete it, ends neither
// its log nor its members, and who joins then finds them.
func TestTornLogGoesOn(t *testing.T) {
	t.Parallel()
	for name, tear := range map[string]func(context.Context, jetstream.KeyValue) error{
		"garbage": func(ctx context.Context, kv jetstream.KeyValue) error {
			_, err := kv.PutString(ctx, "web", "garbage")
			return err
		},
		"deleted": func(ctx context.Context, kv jetstream.KeyValue) error { return kv.Delete(ctx, "web") },
		"purged":  func(ctx context.Context, kv jetstream.KeyValue) error { return kv.Purge(ctx, "web") },
		"another log": func(ctx context.Context, kv jetstream.KeyValue) error {
			_, err := kv.PutString(ctx, "web",
				`{"id": "x", "by": "x", "after": 0, "state": {"strategy": "bounded:slots=1024", "members": []}}`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := one(t, nil)
			m, g := join(t, connect(t, config("g1", url)), selector.Bounded{Slots: 1024})
			for _, member := range []string{"a=1", "b=1", "c=1"} {
				_, err := m.Update(soon(t), put(member))
				require.NoError(t, err)
			}
			js, err := jetstream.New(m.Conn().NATS())
			require.NoError(t, err)
			kv, err := js.KeyValue(soon(t), "ecmp_test")
			require.NoError(t, err)
			_, before := m.State()
			require.NoError(t, tear(soon(t), kv))
			eventually(t, "the state is written again", func() bool {
				_, at := m.State()
				return at > before+1
			})
			require.Equal(t, 3, g.Load().View().Len())
			revision, err := m.Update(soon(t), put("d=1"))
			require.NoError(t, err)
			late, lateGroup := join(t, connect(t, config("g2", url)), nil)
			require.NoError(t, late.Wait(soon(t), revision))
			require.Equal(t, g.Load().View().Fingerprint(), lateGroup.Load().View().Fingerprint())
			require.Equal(t, 4, lateGroup.Load().View().Len())
			_, err = late.Update(soon(t), put("e=1"))
			require.NoError(t, err)
			require.NoError(t, m.Err())
			require.Empty(t, m.Conn().Divergence())
		})
	}
}
