import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * ThingsBoard's MQTT listener as far as TLS is concerned: it wants a client certificate without insisting on one,
 * names as acceptable issuers what its own key material holds, and checks of a client's chain only that its links fit.
 *
 * <p>{@code ThingsBoardListener keystore JKS|PKCS12 FILE} or {@code ThingsBoardListener pem CERTIFICATES KEY};
 * passwords in STORE_PASSWORD and KEY_PASSWORD. Prints its port and the issuers that it names, then one line of JSON
 * for every connection: whether the client showed a certificate. Speaks as much MQTT as a client needs to publish:
 * who shows a certificate is let in, who does not is refused with code 5. Ends when its standard input does.
 */
final class ThingsBoardListener {
    public static void main(String[] args) throws Exception {
        char[] storePassword = Keys.password("STORE_PASSWORD");
        char[] keyPassword = Keys.password("KEY_PASSWORD");
        KeyStore store;
        if (args[0].equals("keystore")) {
            store = Keys.open(args[1], args[2], storePassword);
        } else {
            keyPassword = keyPassword == null ? new char[0] : keyPassword;
            store = PemCredentials.load(args[1], args[2], keyPassword).keystore(keyPassword);
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, keyPassword);
        LinksOnly trust = new LinksOnly(store);
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        context.init(keys.getKeyManagers(), new TrustManager[] {trust}, new SecureRandom());

        endWithStandardInput();
        SSLServerSocket listener = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 8, InetAddress.getLoopbackAddress());
        listener.setWantClientAuth(true);
        listener.setEnabledProtocols(listener.getSupportedProtocols());
        listener.setEnabledCipherSuites(listener.getSupportedCipherSuites());
        say(Json.object("port", listener.getLocalPort(), "names", trust.names()));
        while (true) {
            Socket client = listener.accept();
            client.setSoTimeout(10_000);
            new Thread(() -> serve((SSLSocket) client)).start();
        }
    }

    private static void serve(SSLSocket socket) {
        try (socket) {
            socket.startHandshake();
            List<Object> chain = new ArrayList<>();
            try {
                Arrays.stream(socket.getSession().getPeerCertificates())
                        .forEach(c -> chain.add(((X509Certificate) c).getSubjectX500Principal().getName()));
            } catch (SSLPeerUnverifiedException e) {
                // The client showed no certificate.
            }
            say(Json.object("protocol", socket.getSession().getProtocol(), "chain", chain));
            speak(socket, chain.isEmpty() ? 5 : 0);
        } catch (IOException e) {
            say(Json.object("error", e.toString()));
        }
    }

    private static void speak(SSLSocket socket, int connectReturnCode) throws IOException {
        DataInputStream in = new DataInputStream(socket.getInputStream());
        OutputStream out = socket.getOutputStream();
        while (true) {
            int head;
            try {
                head = in.readUnsignedByte();
            } catch (EOFException e) {
                return;
            }
            byte[] body = new byte[remainingLength(in)];
            in.readFully(body);
            switch (head >> 4) {
                case 1 -> { // CONNECT
                    out.write(new byte[] {0x20, 2, 0, (byte) connectReturnCode});
                    out.flush();
                    if (connectReturnCode != 0) {
                        return;
                    }
                }
                case 3 -> { // PUBLISH; the packet identifier follows the topic
                    int topic = (body[0] & 0xff) << 8 | body[1] & 0xff;
                    if ((head & 0x06) != 0) {
                        out.write(new byte[] {0x40, 2, body[topic + 2], body[topic + 3]});
                        out.flush();
                    }
                }
                default -> {
                    return;
                }
            }
        }
    }

    /** MQTT 3.1.1, section 2.2.3; 64 KiB is the most that ThingsBoard takes. */
    private static int remainingLength(DataInputStream in) throws IOException {
        int length = 0;
        for (int shift = 0; shift < 28; shift += 7) {
            int octet = in.readUnsignedByte();
            length |= (octet & 0x7f) << shift;
            if (octet < 0x80) {
                if (length > 65_536) {
                    throw new IOException("packet of " + length + " octets");
                }
                return length;
            }
        }
        throw new IOException("malformed remaining length");
    }

    private static synchronized void say(Object what) {
        System.out.println(Json.text(what));
        System.out.flush();
    }

    /** The test that started us holds the other end: we do not outlive it. */
    private static void endWithStandardInput() {
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // The client's other packets do not matter.
                }
            } catch (IOException e) {
                // As good as an end.
            }
            System.exit(0);
        });
        watcher.setDaemon(true);
        watcher.start();
    }

    /** Accepts every chain whose links fit, and names the issuers that the server's own store holds. */
    private static final class LinksOnly implements X509TrustManager {
        private final X509TrustManager own;

        LinksOnly(KeyStore store) throws Exception {
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            own = (X509TrustManager) factory.getTrustManagers()[0];
        }

        List<Object> names() {
            List<Object> names = new ArrayList<>();
            for (X509Certificate certificate : own.getAcceptedIssuers()) {
                names.add(certificate.getSubjectX500Principal().getName());
            }
            return names;
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return own.getAcceptedIssuers();
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
            for (int i = 0; i + 1 < chain.length; i++) {
                try {
                    chain[i].verify(chain[i + 1].getPublicKey());
                } catch (Exception e) {
                    throw new CertificateException(e);
                }
            }
        }
    }
}
