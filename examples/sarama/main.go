// Command sarama produces ten records to a broker with IBM's sarama client and consumes them again.
// With an address as its argument it uses that broker, and else one on 127.0.0.1:9092.
package main

import (
	"fmt"
	"log"
	"os"
	"time"

	"github.com/IBM/sarama"
)

const (
	topic = "greetings"
	count = 10
)

func main() {
	addr := "127.0.0.1:9092"
	if len(os.Args) > 1 {
		addr = os.Args[1]
	}
	if err := run(addr); err != nil {
		log.Fatal(err)
	}
}

func run(addr string) error {
	conf := sarama.NewConfig()
	conf.Version = sarama.MaxVersion
	conf.Producer.Return.Successes = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Compression = sarama.CompressionZSTD
	client, err := sarama.NewClient([]string{addr}, conf)
	if err != nil {
		return err
	}
	defer client.Close()
	first, err := produce(client)
	if err != nil {
		return err
	}
	return consume(client, first)
}

// produce sends the records and returns the offset of the first.
func produce(client sarama.Client) (first int64, err error) {
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return 0, err
	}
	for i := range count {
		_, offset, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: topic,
			Key:   sarama.StringEncoder(fmt.Sprintf("key-%d", i)),
			Value: sarama.StringEncoder(fmt.Sprintf("hello %d", i)),
		})
		if err != nil {
			return 0, err
		}
		if i == 0 {
			first = offset
		}
		fmt.Printf("produced hello %d at offset %d\n", i, offset)
	}
	return first, nil
}

// consume reads the records that produce sent from the one partition an automatically created topic
// has by default.
func consume(client sarama.Client, first int64) error {
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, first)
	if err != nil {
		return err
	}
	defer partition.Close()
	timeout := time.After(10 * time.Second)
	for range count {
		select {
		case m := <-partition.Messages():
			fmt.Printf("consumed %s at offset %d\n", m.Value, m.Offset)
		case <-timeout:
			return fmt.Errorf("no record within 10 s")
		}
	}
	return nil
}
