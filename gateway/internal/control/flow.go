package control

import (
	"fmt"
	"net/http"

	"github.com/ecmp-go/ecmp/gateway/internal/joined"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// flow tells where a flow goes.
func (s *server) flow(w http.ResponseWriter, r *http.Request) {
	given := r.URL.Query()
	for name := range given {
		if name != "proto" && name != "src" && name != "dst" {
			wrong := fmt.Errorf("no parameter %s: they are src, dst and proto", name)
			http.Error(w, oneLine(wrong), http.StatusBadRequest)
			return
		}
	}
	q, err := services.ParseQuestion(given.Get("proto"), given.Get("src"), given.Get("dst"))
	if err != nil {
		http.Error(w, oneLine(err), http.StatusBadRequest)
		return
	}
	answer, err := s.Services.Flow(q)
	if err != nil {
		http.Error(w, "nothing is forwarded: "+oneLine(err), http.StatusServiceUnavailable)
		return
	}
	all := joined.Answers{Answer: answer}
	if s.Cluster != nil {
		all.Gateways = s.Cluster.Flow(given.Get("proto"), given.Get("src"), given.Get("dst"))
	}
	reply(w, http.StatusOK, all)
}

// memberFlows tells of the flows of a member.
func (s *server) memberFlows(w http.ResponseWriter, r *http.Request) {
	flows, err := s.Services.MemberFlows(serviceOf(r), r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, flows)
}
