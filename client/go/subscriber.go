// Command subscriber keeps a symbol's book from the public feed: subscriber SYMBOL PORT_BASE. Stopped, it recovers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/go-zeromq/zmq4"
)

func main() {
	var base int
	_, err := fmt.Sscan(os.Args[2], &base)
	symbol, topic, book := os.Args[1], "depth/"+os.Args[1]+"/", Book{}
	feed := zmq4.NewSub(context.Background(), zmq4.WithAutomaticReconnect(true), zmq4.WithDialerMaxRetries(-1))
	err = errors.Join(err, feed.Dial(fmt.Sprintf("tcp://127.0.0.1:%d", base+1)))
	err = errors.Join(err, feed.SetOption(zmq4.OptionSubscribe, topic), feed.SetOption(zmq4.OptionSubscribe, "hb/"))
	if err != nil {
		log.Fatal(err)
	}
	for {
		m := Receive(feed)
		if book.Lacks(m, topic) {
			if m, err = Snapshot(fmt.Sprintf("tcp://127.0.0.1:%d", base+3), symbol); err != nil {
				log.Print(err) // the next message asks again
				continue
			}
			book.Begin(m)
		} else if m.Topics == nil {
			book.Apply(m)
		}
		fmt.Println(&book)
	}
}
