package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// A bucket is the JetStream key-value bucket that has the logs of a cluster's
// groups: a key for each group, whose history is its log.
type bucket struct {
	name string
	kv   jetstream.KeyValue
}

const bucketPrefix = "ecmp_"

// openBucket binds to the bucket of the cluster, and makes it if there is none.
//
// It makes the stream itself, as the client would, but for the length of the
// history: the client allows 64 revisions of a key, and a log is longer.
func (c *Conn) openBucket(ctx context.Context) (*bucket, error) {
	b := &bucket{name: bucketPrefix + c.config.Cluster}
	stream := "KV_" + b.name
	var last error // what a server said, before the wait ended
	wait := backoff{}
	for {
		// A server without a leader does not answer.
		try, done := context.WithTimeout(ctx, logTry)
		kv, err := c.js.KeyValue(try, b.name)
		if err == nil {
			done()
			b.kv = kv
			return b, nil
		}
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			err = c.permitted(try, "$JS.API.STREAM.CREATE."+stream, func(ctx context.Context) error {
				_, err := c.js.CreateStream(ctx, jetstream.StreamConfig{
					Name: stream, Description: "groups of ecmp gateways", Subjects: []string{"$KV." + b.name + ".>"},
					MaxMsgsPerSubject: maxRevisions, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
					FirstSeq: c.config.First, Replicas: c.config.Replicas, Discard: jetstream.DiscardNew,
					AllowRollup: true, DenyDelete: true,
					AllowDirect: true,
				})
				return err
			})
		}
		done()
		if _, denied := errors.AsType[*PermissionError](err); denied {
			return nil, err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if !wait.sleep(ctx) {
			return nil, fmt.Errorf("bucket %s: %w: %w", b.name, ctx.Err(), last)
		}
	}
}

// subject returns the subject that the group's key is written to.
func (b *bucket) subject(group string) string { return "$KV." + b.name + "." + group }

// purge removes what came before a revision of the group's log.
func (b *bucket) purge(ctx context.Context, js jetstream.JetStream, group string, before uint64) error {
	stream, err := js.Stream(ctx, "KV_"+b.name)
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(b.subject(group)), jetstream.WithPurgeSequence(before))
}
