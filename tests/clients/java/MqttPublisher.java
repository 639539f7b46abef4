import java.security.KeyStore;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/**
 * ThingsBoard's Java client as its documentation has it: one keystore holds the client's key and what it trusts.
 * {@code MqttPublisher HOST PORT JKS|PKCS12 KEYSTORE SunX509|PKIX TLSv1.2|TLSv1.3}, passwords in STORE_PASSWORD and
 * KEY_PASSWORD. Publishes one telemetry message with QoS 1 and prints what became of it.
 */
final class MqttPublisher {
    public static void main(String[] args) throws Exception {
        String url = "ssl://" + args[0] + ":" + args[1];
        try {
            KeyStore store = Keys.open(args[2], args[3], Keys.password("STORE_PASSWORD"));
            KeyManagerFactory keys = KeyManagerFactory.getInstance(args[4]);
            keys.init(store, Keys.password("KEY_PASSWORD"));
            TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
            trust.init(store);
            SSLContext context = SSLContext.getInstance(args[5]);
            context.init(keys.getKeyManagers(), trust.getTrustManagers(), new SecureRandom());

            MqttConnectOptions options = new MqttConnectOptions();
            options.setSocketFactory(new OneProtocolFactory(context.getSocketFactory(), args[5]));
            options.setHttpsHostnameVerificationEnabled(true);
            options.setConnectionTimeout(10);
            // Otherwise a refused client comes back with version 3.1.
            options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
            publish(url, options);
            System.out.println(Json.text(Json.object("outcome", "published")));
        } catch (Exception e) {
            System.out.println(Json.text(Json.object("outcome", "refused", "reasons", reasons(e))));
            System.exit(1);
        }
    }

    private static void publish(String url, MqttConnectOptions options) throws MqttException {
        try (MqttClient client = new MqttClient(url, "java-client", new MemoryPersistence())) {
            client.setTimeToWait(10_000);
            client.connect(options);
            MqttMessage message = new MqttMessage("{\"temperature\":25}".getBytes());
            message.setQos(1);
            // Returns when the broker has acknowledged.
            client.publish("v1/devices/me/telemetry", message);
            client.disconnect();
        }
    }

    private static List<Object> reasons(Throwable error) {
        List<Object> reasons = new ArrayList<>();
        for (Throwable cause = error; cause != null && reasons.size() < 8; cause = cause.getCause()) {
            reasons.add(cause.toString());
        }
        return reasons;
    }
}
