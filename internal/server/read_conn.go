package server

// readConn reads from a connection that is no socket, or of a system whose sockets can't be asked whether they are
// readable. What comes first, after a pause, is read into a few bytes of the connection's own, so that it too holds no
// buffer while it is idle.
func (in *input) readConn() (int, error) {
	if in.dst == nil && in.scratch == nil {
		n, err := in.c.nc.Read(in.first[:])
		if n > 0 {
			copy(in.buffer(), in.first[:n])
		}
		return n, err
	}
	in.c.reads.wait(in.c.srv.clock.now())
	return in.c.nc.Read(in.buffer())
}
