// Package driver is the guest's half of virtqueues: it offers buffers to a device and gets them back. The
// device's half is in vhost/virtq.
//
// There are two layouts, [Split] and [Packed] (VIRTIO 1.2, 2.7 and 2.8), with the same methods:
//
//	q.Add(cookie, readable, writable)   // a chain of buffers, or false: no room
//	q.AddOne(cookie, buffer, write)     // the same for one buffer
//	q.AddEach(cookies, buffers, write)  // the same for each of many, one buffer each
//	q.Publish()                         // the device sees what was added, all at once
//	if q.Kick() { ... }                 // the device wants to be told
//	n := q.Reap(done[:])                // chains that the device has done with, by their cookies
//
// Buffers are named by the addresses that the device knows them by: nothing here touches their memory. The ring
// itself lies in memory of the caller's, of [Layout] Bytes.
//
// What the device writes into the ring is checked: a device that gives back what it does not have breaks the
// queue (Err), and nothing else.
package driver
