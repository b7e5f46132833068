package bgp

import (
	"context"
	"log/slog"
)

// errorsOnly hands on errors alone: what GoBGP says of sessions is said here
// once, and it says so of each attempt to connect.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

func (h errorsOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return errorsOnly{h.Handler.WithAttrs(attrs)}
}

func (h errorsOnly) WithGroup(name string) slog.Handler { return errorsOnly{h.Handler.WithGroup(name)} }

func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(errorsOnly{log.Handler()}).With("from", "gobgp")
}
