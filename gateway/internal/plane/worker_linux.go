package plane

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
)

// A lane receives and sends for one worker, which calls its methods between
// bursts. Only prepare and wake are called by others.
type lane interface {
	// receive returns up to a burst of frames, to be used until the next call.
	// Where there are none it waits, at most for limit or until wake is called,
	// and may return none. After an error the lane can't go on.
	receive(limit time.Duration) ([][]byte, error)

	// send sends the frames last received as decided, and the replies to those
	// that are answered.
	send(decisions []engine.Decision, reply func(i int) []byte)

	// sendHeld sends frames that were held, as decided; it may change
	// decisions. They are no longer those last received.
	sendHeld(strays []flowcache.Stray, decisions []engine.Decision)

	// prepare opens what it takes to send to the devices, and adds to faults
	// those that can't be opened. The worker commits it.
	prepare(devices map[uint16]*net.Interface, faults Faults) (commit func())

	wake()

	// lost returns the losses so far.
	lost() *losses

	// lose counts a frame for a member that is not sent.
	lose(reason string, output uint16, frame []byte)

	// segment returns the length of the longest frame that frame i last received
	// is sent as.
	segment(i int) int
}

// A worker takes the packets of its lane through the engine.
type worker struct {
	lane      lane
	engine    *engine.Worker
	answers   *answers           // nil: none
	reply     func(i int) []byte // of engine: made once, as it is allocated
	decisions [engine.MaxBurst]engine.Decision
	strays    [engine.MaxBurst]flowcache.Stray
	drained   time.Duration // when nothing was left to be received
	takes     bool          // what comes in is taken from the kernel
	request   atomic.Pointer[request]
	ended     chan struct{} // closed while it doesn't run
}

// A request is what a worker is asked to do between two bursts.
type request struct {
	do   func()
	done chan struct{}
}

func newWorker(l lane, e *engine.Worker, c ICMP) *worker {
	w := &worker{lane: l, engine: e, answers: newAnswers(c), ended: make(chan struct{})}
	w.reply = func(i int) []byte {
		if r := w.answers.reply(i); r != nil {
			return r
		}
		return e.Reply(w.answers.place(i))
	}
	close(w.ended)
	return w
}

// run forwards until the plane stops.
func (w *worker) run(p *userspace) error {
	defer close(w.ended)
	for !p.stop.Load() {
		if r := w.request.Load(); r != nil {
			w.fulfil()
		}
		if err := w.burst(p.now); err != nil {
			return err
		}
	}
	return nil
}

// Waits for packets: as long as nothing else is to be done, and while fragments
// are held.
const (
	patience     = time.Second / 10
	holdPatience = time.Millisecond
)

// longestQueue is more than packets wait to be received, at any rate that a
// worker keeps up with: what it receives now came at most so long ago.
const longestQueue = time.Second

// burst forwards what is there.
func (w *worker) burst(now func() int64) error {
	limit := patience
	if w.engine.Held() > 0 {
		limit = holdPatience
	}
	start := time.Duration(now())
	frames, err := w.lane.receive(limit)
	if err != nil {
		return err
	}
	w.drained = max(w.drained, start-longestQueue)
	if len(frames) < engine.MaxBurst {
		w.drained = start
	}
	if len(frames) > 0 {
		decisions := w.decisions[:len(frames)]
		at := time.Duration(now())
		rest := w.answers.before(frames, at)
		w.engine.Burst(decisions[:len(rest)], rest, at)
		w.answers.after(decisions, frames, w.lane, at)
		w.lane.send(decisions, w.reply)
	}
	// However late this worker is, a fragment whose time is over waits for all
	// that came before that.
	for n := len(w.strays); n == len(w.strays) && w.engine.Held() > 0; {
		n = w.engine.Release(w.decisions[:], w.strays[:], w.drained)
		w.lane.sendHeld(w.strays[:n], w.decisions[:n])
	}
	return nil
}

// between has the worker call do between two bursts, and returns when that is
// done. The caller holds the lock of the plane.
func (w *worker) between(do func()) {
	r := &request{do: do, done: make(chan struct{})}
	w.request.Store(r)
	w.lane.wake()
	select {
	case <-r.done:
	case <-w.ended:
		w.fulfil()
	}
}

func (w *worker) fulfil() {
	if r := w.request.Swap(nil); r != nil {
		r.do()
		close(r.done)
	}
}

// addTo adds what the worker has seen.
func (w *worker) addTo(c *Counters, outputs map[uint16]struct{}) {
	seen, lost := w.engine.Counters(), w.lane.lost()
	in, noRoute := seen.In, seen.NoRoute
	w.answers.addTo(c)
	if w.takes {
		c.drop(noServiceHere, noRoute.Frames)
	} else {
		in = minus(in, noRoute)
		c.NotForService = plus(c.NotForService, noRoute)
	}
	c.In = plus(c.In, in)
	for output := range outputs {
		c.Members[output] = plus(c.Members[output], seen.Member(output))
	}
	for l, unsent := range lost.unsent {
		if m, set := c.Members[l.output]; set {
			c.Members[l.output] = minus(m, unsent)
		}
		c.drop(l.reason, unsent.Frames)
		AddDrops(c.MemberDrops, l.output, l.reason, unsent.Frames)
	}
	for g, dropped := range seen.Groups() {
		for drop, n := range dropped {
			AddDrops(c.ServiceDrops, g, drop.String(), n)
		}
	}
	for drop, n := range seen.Drops() {
		if drop != engine.NoRoute {
			c.drop(drop.String(), n)
		}
	}
	for reason, n := range lost.unseen {
		c.In.Frames += n
		c.drop(reason, n)
	}
	c.Fragments.Held += seen.Held
	c.Fragments.Waiting += uint64(w.engine.Held())
	c.Fragments.Strays += seen.Strays
	c.Replies.Frames += seen.Replies.Frames - lost.replies.Frames
	c.Replies.Bytes += seen.Replies.Bytes - lost.replies.Bytes
}

// noServiceHere is why a packet is dropped that a plane has taken from the
// kernel by its address, where no service has its protocol and port.
const noServiceHere = "no service at this port"
