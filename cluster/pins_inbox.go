package cluster

import "github.com/nats-io/nats.go"

// takenAtOnce is how many messages are taken before something else is done.
const takenAtOnce = 8

// An inbox has the messages that came and were not taken yet.
//
// It keeps them while a scan for a change is under way. Others wait for what the
// scan finds. The scan would also have to leave out what they tell meanwhile,
// and to know that takes longer than to import it. Those that waited for one scan
// are taken before they wait for the next one, and none waits when half of the
// room is taken.
type inbox struct {
	messages chan *nats.Msg
	keeps    bool // messages, until a scan is complete
	owed     int  // messages that waited, and are still to be taken
}

// take takes a few messages, if it does not keep them.
func (b *inbox) take(scanning bool, receive func(*nats.Msg)) {
	kept := b.keeps
	b.keeps = scanning && b.owed == 0 && len(b.messages) < cap(b.messages)/2
	if b.keeps {
		return
	}
	if kept {
		b.owed = len(b.messages)
	}
	for range takenAtOnce {
		select {
		case m := <-b.messages:
			b.owed = max(0, b.owed-1)
			receive(m)
		default:
			b.owed = 0
			return
		}
	}
}
