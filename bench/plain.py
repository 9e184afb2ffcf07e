"""The afternoon's script that the agent replaces: paho and filterpy, one filter object per asset. Argument: the port."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter
from paho.mqtt.enums import CallbackAPIVersion


class Script:
    def __init__(self) -> None:
        self.filters: dict[str, tuple[Any, float]] = {}

    def on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        reading = json.loads(message.payload)
        time, value = reading["ts"], reading["temperature"]
        if message.topic not in self.filters:
            kf = KalmanFilter(dim_x=2, dim_z=1)
            kf.x, kf.H, kf.R = np.array([[value], [0.0]]), np.array([[1.0, 0.0]]), np.array([[0.04]])
        else:
            kf, before = self.filters[message.topic]
            dt = max(0.0, time - before)
            kf.F, kf.Q = np.array([[1.0, dt], [0.0, 1.0]]), Q_continuous_white_noise(2, dt, 1e-3)
            kf.predict()
            kf.update(np.array([[value]]))
        self.filters[message.topic] = kf, time
        mean, variance = kf.x.ravel(), np.diag(kf.P)
        state = {"time": time, "temperature": mean[0], "rate": mean[1], "std": float(variance[0]) ** 0.5}
        client.publish(f"twin/{message.topic}", json.dumps(state))


def main() -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = Script().on_message
    client.on_connect = lambda c, *_: c.subscribe("plant/#")
    client.connect("127.0.0.1", int(sys.argv[1]))
    client.loop_forever()


if __name__ == "__main__":
    main()
