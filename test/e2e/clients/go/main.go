// github.com/slack-go/slack as it comes from the registry, driven by JSON lines (see ../driver.ts).
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strconv"

	"github.com/slack-go/slack"
)

type fields map[string]any

// tell's caller is one goroutine at a time for each line: a line is one write.
func tell(event string, more fields) {
	line := fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	os.Stdout.Write(append(text, '\n'))
}

func complain(of string, err error) {
	tell("error", fields{"of": of, "message": err.Error()})
}

func history(api *slack.Client, channel string, limit int) error {
	texts, pages, cursor := []string{}, 0, ""
	for {
		page, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: channel, Limit: limit, Cursor: cursor})
		if err != nil {
			return err
		}
		pages++
		for _, message := range page.Messages {
			texts = append(texts, message.Text)
		}
		cursor = page.ResponseMetaData.NextCursor
		if cursor == "" {
			break
		}
	}
	tell("history", fields{"texts": texts, "pages": pages})
	return nil
}

func obey(api *slack.Client, rtm *slack.RTM, command map[string]string) error {
	switch command["do"] {
	case "send":
		rtm.SendMessage(rtm.NewOutgoingMessage(command["text"], command["channel"]))
	case "watch":
		rtm.SendMessage(rtm.NewSubscribeUserPresence([]string{command["user"]}))
	case "whoami":
		me, err := api.AuthTest()
		if err != nil {
			return err
		}
		tell("whoami", fields{"user_id": me.UserID, "team_id": me.TeamID})
	case "post":
		_, ts, err := api.PostMessage(command["channel"], slack.MsgOptionText(command["text"], false))
		if err != nil {
			return err
		}
		tell("posted", fields{"ts": ts})
	case "history":
		limit, err := strconv.Atoi(command["limit"])
		if err != nil {
			return err
		}
		return history(api, command["channel"], limit)
	case "stop":
		rtm.Disconnect()
		os.Exit(0)
	}
	return nil
}

func show(event slack.RTMEvent) {
	switch data := event.Data.(type) {
	case *slack.HelloEvent:
		tell("hello", nil)
	case *slack.AckMessage:
		tell("ack", fields{"ok": data.Ok, "ts": data.Timestamp, "text": data.Text})
	case *slack.AckErrorEvent:
		complain("ack", data)
	case *slack.MessageEvent:
		tell("message", fields{"channel": data.Channel, "user": data.User, "text": data.Text, "ts": data.Timestamp})
	case *slack.PresenceChangeEvent:
		users := data.Users
		if len(users) == 0 {
			users = []string{data.User}
		}
		tell("presence", fields{"users": users, "presence": data.Presence})
	case *slack.DisconnectedEvent:
		if data.Cause == slack.ErrRTMGoodbye {
			tell("goodbye", nil)
		}
	case *slack.UnmarshallingErrorEvent:
		complain("unmarshal", data)
	}
}

func main() {
	api := slack.New(os.Getenv("RINGWAY_TOKEN"), slack.OptionAPIURL(os.Getenv("RINGWAY_URL")+"/api/"))
	rtm := api.NewRTM()
	go rtm.ManageConnection()
	go func() {
		for event := range rtm.IncomingEvents {
			show(event)
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command := map[string]string{}
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			complain("command", err)
			continue
		}
		if err := obey(api, rtm, command); err != nil {
			complain(command["do"], err)
		}
	}
}
