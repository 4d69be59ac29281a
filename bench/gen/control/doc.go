// Package control makes a generator a process of its own: whoever measures starts it, pinned to its CPU, and tells it
// what to do by lines of JSON.
//
// A command is an object on one line of the standard input, an answer one on the standard output. Commands are carried
// out one after the other; only stop is seen while another is at work.
//
//	{"id":1,"open":{"name":"a","type":"vhost-frontend","options":{"path":"/run/a.sock"}}}
//	{"id":1,"ok":true}
//	{"id":2,"run":{"time":"5s","streams":[{"from":"a","to":"b","rate":1e6}]}}
//	{"id":2,"progress":{"offered":1000000,"received":999987}}
//	{"id":2,"result":{…}}
//	{"id":3,"run":{"time":"1s","streams":[{"from":"a","to":"x"}]}}
//	{"id":3,"error":"stream 0: no port \"x\", have a, b"}
//
// The process ends when its standard input does, whatever it is doing: a generator does not outlive whoever started it.
// Commands are not trusted: a line is bounded, unknown names are errors, and so is all that packages gen, stream and
// port refuse. A line that is no command is answered without an id, and the next one is read.
//
// Thread-safety: a Client is for one goroutine, except its Stop.
package control
