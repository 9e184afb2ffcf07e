/* The floor: libmosquitto sends every message back under twin/ and computes nothing. Argument: the broker's port. */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>

static void connected(struct mosquitto *client, void *user, int code) {
    (void)user;
    if (code == 0)
        mosquitto_subscribe(client, NULL, "plant/#", 0);
}

static void received(struct mosquitto *client, void *user, const struct mosquitto_message *in) {
    char topic[1024];
    (void)user;
    snprintf(topic, sizeof topic, "twin/%s", in->topic);
    mosquitto_publish(client, NULL, topic, in->payloadlen, in->payload, 0, false);
}

int main(int count, char **arguments) {
    struct mosquitto *client;
    if (count != 2)
        return 2;
    mosquitto_lib_init();
    client = mosquitto_new(NULL, true, NULL);
    mosquitto_connect_callback_set(client, connected);
    mosquitto_message_callback_set(client, received);
    if (mosquitto_connect(client, "127.0.0.1", atoi(arguments[1]), 60) != MOSQ_ERR_SUCCESS)
        return 1;
    return mosquitto_loop_forever(client, -1, 1);
}
