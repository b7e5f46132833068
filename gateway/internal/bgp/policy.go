package bgp

import (
	"context"
	"fmt"

	"github.com/osrg/gobgp/v4/api"
)

// setPolicy has the gateway announce what is its own and nothing that it hears:
// it is no way to the networks behind other routers. What it hears is kept only
// if it is to learn.
func (s *Speaker) setPolicy(ctx context.Context, learn bool) error {
	own := &api.Policy{Name: "own", Statements: []*api.Statement{{
		Name:       "own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}); err != nil {
		return fmt.Errorf("BGP policy: %w", err)
	}
	err := s.assign(ctx, api.PolicyDirection_POLICY_DIRECTION_EXPORT, api.RouteAction_ROUTE_ACTION_REJECT, own)
	switch {
	case err != nil:
		return err
	case !learn:
		return s.assign(ctx, api.PolicyDirection_POLICY_DIRECTION_IMPORT, api.RouteAction_ROUTE_ACTION_REJECT, own)
	}
	leaving, err := s.lastResort(ctx)
	if err != nil {
		return err
	}
	return s.assign(ctx, api.PolicyDirection_POLICY_DIRECTION_IMPORT, api.RouteAction_ROUTE_ACTION_ACCEPT, leaving)
}

// lastResort is the policy of RFC 8326 for paths under graceful shutdown: they
// are best where there is no other. GoBGP does not have it by itself.
func (s *Speaker) lastResort(ctx context.Context) (*api.Policy, error) {
	const name, least = "graceful shutdown", 1 // 0 would leave it as it is
	err := s.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: &api.DefinedSet{
		DefinedType: api.DefinedType_DEFINED_TYPE_COMMUNITY, Name: name, List: []string{"^65535:0$"},
	}})
	if err != nil {
		return nil, fmt.Errorf("BGP policy: %w", err)
	}
	p := &api.Policy{Name: name, Statements: []*api.Statement{{
		Name: name,
		Conditions: &api.Conditions{CommunitySet: &api.MatchSet{
			Type: api.MatchSet_TYPE_ANY, Name: name,
		}},
		Actions: &api.Actions{
			RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT, LocalPref: &api.LocalPrefAction{Value: least},
		},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: p}); err != nil {
		return nil, fmt.Errorf("BGP policy: %w", err)
	}
	return p, nil
}

// assign has a policy decide of all routes in a direction, and what becomes of
// those that it does not speak of.
func (s *Speaker) assign(ctx context.Context, d api.PolicyDirection, others api.RouteAction, p *api.Policy) error {
	err := s.server.AddPolicyAssignment(ctx, &api.AddPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: d, Policies: []*api.Policy{p}, DefaultAction: others,
	}})
	if err != nil {
		return fmt.Errorf("BGP policy: %w", err)
	}
	return nil
}
