package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// checkCluster refuses a configuration that is for a node of another cluster than one of this node alone: it would not be
// joined, and the data there would seem to be lost.
func checkCluster(l Lookup) error {
	roles := List{Brokers.Get("process.roles")}
	if set := roles.In(l); roles.IsSet(l) && (!slices.Contains(set, "broker") || !slices.Contains(set, "controller")) {
		return fmt.Errorf("process.roles is %s: in this version a node is its own cluster, broker and controller. To come from Apache Kafka "+
			"see docs/migrating.md", strings.Join(set, ","))
	}
	if err := checkVoters(l); err != nil {
		return err
	}
	return checkBootstrap(l)
}

func checkVoters(l Lookup) error {
	for _, voter := range (List{Brokers.Get("controller.quorum.voters")}).In(l) {
		id, address, _ := strings.Cut(voter, "@")
		n, err := strconv.ParseInt(id, 10, 32)
		if _, _, bad := splitAddress(address); err != nil || bad != nil {
			return fmt.Errorf("controller.quorum.voters has %q: want id@host:port", voter)
		}
		if int32(n) != ID(l) {
			return fmt.Errorf("controller.quorum.voters names the node %d, and this is node %d: this version joins no controllers. To come from "+
				"Apache Kafka see docs/migrating.md", n, ID(l))
		}
	}
	return nil
}

// checkBootstrap admits one controller, at an address that this node listens on or is told.
func checkBootstrap(l Lookup) error {
	servers := List{Brokers.Get("controller.quorum.bootstrap.servers")}.In(l)
	for _, server := range servers {
		host, port, err := splitAddress(server)
		if err != nil {
			return fmt.Errorf("controller.quorum.bootstrap.servers has %q: want host:port", server)
		}
		if len(servers) > 1 || !isOwnController(l, host, port) {
			return fmt.Errorf("controller.quorum.bootstrap.servers names %s, which is no listener of this node: this version joins no controllers. "+
				"To come from Apache Kafka see docs/migrating.md", strings.Join(servers, ","))
		}
	}
	return nil
}

func splitAddress(s string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(s)
	if _, bad := strconv.ParseUint(port, 10, 16); err == nil && (bad != nil || host == "") {
		err = errors.New("it is no host:port")
	}
	return host, port, err
}

// isOwnController tells whether an address is that of a listener in controller.listener.names. Where that listens on all
// interfaces, the host must be a loopback address or one that the node gives itself elsewhere.
func isOwnController(l Lookup, host, port string) bool {
	names := List{Brokers.Get("controller.listener.names")}.In(l)
	own := []string{"localhost"}
	ports := false
	for _, e := range append(Listeners.In(l), AdvertisedListeners.In(l)...) {
		m := endpointForm.FindStringSubmatch(e)
		if m == nil {
			continue
		}
		own = append(own, m[2])
		ports = ports || m[3] == port && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, m[1]) })
	}
	ip := net.ParseIP(host)
	return ports && (ip != nil && ip.IsLoopback() || slices.Contains(own, host))
}
