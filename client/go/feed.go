package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-zeromq/zmq4"
)

// Message is what the feed and the snapshot service send: prices and quantities as [price, quantity], decimal texts.
type Message struct {
	Epoch, Seq, Prev int64
	Bids, Asks       [][2]string
	Topics           map[string]int64 // of a heartbeat: each changed topic's last sequence
	Error            string
}

// Receive takes the next message of the feed. An error is a connection that was lost: the socket makes another one.
func Receive(feed zmq4.Socket) (m Message) {
	got, err := feed.Recv()
	for err != nil {
		got, err = feed.Recv()
	}
	if err = json.Unmarshal(got.Frames[len(got.Frames)-1], &m); err != nil {
		panic(err) // not of this service
	}
	return m
}

// Snapshot asks the snapshot service, on a connection of its own: what a lost one had asked is never answered.
func Snapshot(endpoint, symbol string) (m Message, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	service := zmq4.NewDealer(ctx)
	defer service.Close()
	var got zmq4.Msg
	if err = service.Dial(endpoint); err == nil {
		err = service.Send(zmq4.NewMsgString(fmt.Sprintf(`{"op":"snapshot","symbol":%q}`, symbol)))
	}
	if err == nil {
		got, err = service.Recv()
	}
	if err == nil {
		err = json.Unmarshal(got.Frames[0], &m)
	}
	if err == nil && m.Error != "" {
		err = errors.New(m.Error)
	}
	return m, err
}

// Book is one symbol's: quantity by price, both decimal texts. Right up to event Seq of the history Epoch.
type Book struct {
	Epoch int64             `json:"-"`
	Seq   int64             `json:"seq"`
	Bids  map[string]string `json:"bids"`
	Asks  map[string]string `json:"asks"`
}

// Lacks says whether something of this topic is missing before, or (a heartbeat) up to this message.
func (b *Book) Lacks(m Message, topic string) bool {
	return m.Epoch != b.Epoch || m.Prev > b.Seq || m.Topics[topic] > b.Seq
}

// Begin takes a snapshot.
func (b *Book) Begin(m Message) {
	*b = Book{Epoch: m.Epoch, Seq: -1, Bids: map[string]string{}, Asks: map[string]string{}}
	b.Apply(m)
}

// Apply takes a depth message; one that is not newer changes nothing. Quantity "0": the level is gone.
func (b *Book) Apply(m Message) {
	if m.Seq <= b.Seq {
		return
	}
	b.Seq = m.Seq
	for _, side := range []struct {
		levels  map[string]string
		changes [][2]string
	}{{b.Bids, m.Bids}, {b.Asks, m.Asks}} {
		for _, level := range side.changes {
			if side.levels[level[0]] = level[1]; level[1] == "0" {
				delete(side.levels, level[0])
			}
		}
	}
}

// String is one line of JSON.
func (b *Book) String() string {
	text, _ := json.Marshal(b) // of texts and whole numbers: can't fail
	return string(text)
}
