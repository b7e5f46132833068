package joined

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// Answers is what this gateway says of a flow, and what the others do.
type Answers struct {
	services.Answer
	Gateways []FlowAnswer `json:"gateways,omitempty"`
}

// A FlowAnswer is what another gateway says of a flow.
type FlowAnswer struct {
	Gateway string           `json:"gateway"`
	Answer  *services.Answer `json:"answer,omitempty"`
	Error   string           `json:"error,omitempty"` // why there is no answer
}

// flowPatience is how long a gateway may take to answer.
const flowPatience = time.Second

// flowSubject is what a gateway is asked by. It may publish to flow.* and
// subscribe to its own.
func flowSubject(of, gateway string) string { return "ecmp." + of + ".flow." + gateway }

// flowQuestion is a question as text, which the other gateway parses.
type flowQuestion struct {
	Proto       string `json:"proto"`
	Source      string `json:"src"`
	Destination string `json:"dst"`
}

// answerFlows answers the questions of other gateways.
func (c *Cluster) answerFlows(conn *cluster.Conn) {
	_, err := conn.NATS().Subscribe(flowSubject(c.Config.Name, c.Config.Gateway), func(m *nats.Msg) {
		a := FlowAnswer{Gateway: c.Config.Gateway}
		if answer, err := c.answer(m.Data); err != nil {
			a.Error = err.Error()
		} else {
			a.Answer = &answer
		}
		if text, err := json.Marshal(a); err == nil {
			_ = m.Respond(text) // who asked may have gone
		}
	})
	if err != nil {
		c.Log.Warn("cluster: questions about flows are not answered", "error", err)
	}
}

func (c *Cluster) answer(question []byte) (a services.Answer, err error) {
	var q flowQuestion
	if err := json.Unmarshal(question, &q); err != nil {
		return a, err
	}
	parsed, err := services.ParseQuestion(q.Proto, q.Source, q.Destination)
	if err != nil {
		return a, err
	}
	return c.Services.Flow(parsed)
}

// Flow asks all other gateways where a flow goes. The answers are in order of
// their names; who does not answer within a second is among them, with why.
func (c *Cluster) Flow(proto, src, dst string) []FlowAnswer {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		return nil
	}
	question, err := json.Marshal(flowQuestion{proto, src, dst})
	if err != nil {
		return nil
	}
	peers := conn.Peers()
	list := make([]FlowAnswer, len(peers))
	var asking sync.WaitGroup
	for i, p := range peers {
		asking.Go(func() {
			list[i] = FlowAnswer{Gateway: p.Name}
			if err := c.ask(conn, p, question, &list[i]); err != nil {
				list[i].Error = err.Error()
			}
		})
	}
	asking.Wait()
	return list
}

func (c *Cluster) ask(conn *cluster.Conn, p cluster.Peer, question []byte, to *FlowAnswer) error {
	if !p.Live {
		return fmt.Errorf("nothing was heard of it for %v", time.Since(p.Heard).Round(time.Second))
	}
	ctx, cancel := context.WithTimeout(context.Background(), flowPatience)
	defer cancel()
	m, err := conn.NATS().RequestWithContext(ctx, flowSubject(c.Config.Name, p.Name), question)
	if err != nil {
		return fmt.Errorf("it does not answer: %s", strings.TrimPrefix(err.Error(), "nats: "))
	}
	var a FlowAnswer
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return fmt.Errorf("it answers what is no answer: %w", err)
	}
	to.Answer, to.Error = a.Answer, a.Error
	return nil
}
