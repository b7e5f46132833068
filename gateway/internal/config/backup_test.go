package config_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const backupSample = `{
"in": "lc", "vip": "172.16.0.20", "control": "unix:/run/gateway/control", "io": "afpacket",
"check": {"by": "tcp", "port": 80}, "panic": 20, "timeouts": {"other": "3h", "tcp": "168h"},
"members": [
{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2"},
{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "backup": true}
],
"services": [{"name": "dns", "vip": "172.16.0.53", "panic": 0, "members": []}]
}`

func TestBackup(t *testing.T) {
	c, err := config.Parse("f.json", []byte(backupSample), kinds())
	require.NoError(t, err)
	members := c.Services[0].Members
	assert.False(t, members[0].Backup)
	assert.True(t, members[1].Backup)
	assert.Equal(t, 20, c.Services[0].Panic)
	assert.Zero(t, c.Services[1].Panic)
	assert.Equal(t, 3*time.Hour, c.Sticky.Established)
	assert.Equal(t, 7*24*time.Hour, c.Sticky.EstablishedTCP)

	data, err := json.Marshal(members)
	require.NoError(t, err)
	again, err := config.ParseMembers(data)
	require.NoError(t, err)
	for i := range members {
		assert.True(t, members[i].Equal(again[i]), "as it is written in a snapshot")
	}
	assert.False(t, members[0].Equal(members[1]))

	_, err = config.Parse("f.json", []byte(strings.Replace(backupSample, "true", "1", 1)), kinds())
	require.EqualError(t, err, "f.json:6: true or false is needed, not the number 1")
}
