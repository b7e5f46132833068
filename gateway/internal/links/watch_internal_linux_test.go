package links

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What one list leaves out is there if the next one has it, and is gone if that
// lacks it, too.
func TestWhatOneListLacksIsLookedForInAnother(t *testing.T) {
	const gone = "gone"
	var told []string
	w := watcher[string, string]{
		told: make(map[string]string), each: func(state string) { told = append(told, state) },
		absent: func(string) string { return gone },
	}
	sweep := func(lists ...map[string]string) error {
		told = nil
		err := w.sweep(func() (map[string]string, error) {
			if len(lists) == 0 {
				return nil, errors.ErrUnsupported
			}
			next := lists[0]
			lists = lists[1:]
			return next, nil
		})
		assert.Empty(t, lists)
		return err
	}
	require.NoError(t, sweep(map[string]string{"a": "a1", "b": "b1"}))
	assert.ElementsMatch(t, []string{"a1", "b1"}, told)
	require.NoError(t, sweep(map[string]string{"a": "a1"}, map[string]string{"b": "b2"}))
	assert.Equal(t, []string{"b2"}, told)
	require.NoError(t, sweep(map[string]string{"a": "a1"}, map[string]string{"a": "a2"}))
	assert.ElementsMatch(t, []string{gone, "a2"}, told)
	require.ErrorIs(t, sweep(map[string]string{}), errors.ErrUnsupported)
	assert.Empty(t, told)
	require.NoError(t, sweep(map[string]string{"a": "a2"}))
	assert.Empty(t, told)
}

// A list that fails ends nothing: it is told, what was told stands, and the next
// list is taken as if it were the one after.
func TestWatchGoesOnAfterAFailure(t *testing.T) {
	var told []string
	w := watcher[string, string]{
		each: func(state string) { told = append(told, state) }, absent: func(string) string { return "gone" },
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lists := []map[string]string{{"a": "a1", "b": "b1"}, nil, nil, {"b": "b1"}, {"b": "b1"}}
	var went []error
	w.watch(ctx, time.Millisecond, func(err error) {
		if went = append(went, err); len(lists) == 0 {
			cancel()
		}
	}, 0, func() (map[string]string, error) {
		next := lists[0]
		if lists = lists[1:]; next == nil {
			return nil, errors.ErrUnsupported
		}
		return next, nil
	}, func(rtnetlink.Message, bool) {})
	assert.ElementsMatch(t, []string{"a1", "b1", "gone"}, told)
	assert.Equal(t, []error{nil, errors.ErrUnsupported, errors.ErrUnsupported, nil}, went)
}
