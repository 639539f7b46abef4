import java.io.FileReader;
import java.io.FileWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.HttpAuth;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;

/**
 * BouncyCastle's EST client (RFC 7030). Writes the certificates of the answer to a PEM file; a refusal is printed as
 * its status and text, with exit status 1.
 *
 * <pre>
 * EstClient HOST:PORT[/LABEL] ANCHOR cacerts OUT
 * EstClient HOST:PORT[/LABEL] ANCHOR enroll OUT CSR USER PASSWORD-FILE
 * EstClient HOST:PORT[/LABEL] ANCHOR reenroll OUT CSR CERTIFICATE KEY
 * </pre>
 */
final class EstClient {
    private static final char[] IN_MEMORY = "in memory".toCharArray();

    public static void main(String[] args) throws Exception {
        try {
            run(args);
        } catch (ESTException refusal) {
            InputStream body = refusal.getBody();
            String text = body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8).strip();
            System.err.println("status " + refusal.getStatusCode() + ": " + text + " (" + refusal.getMessage() + ")");
            System.exit(1);
        }
    }

    private static void run(String[] args) throws Exception {
        String[] place = args[0].split("/", 2);
        String[] address = place[0].split(":", 2);
        JsseESTServiceBuilder builder =
            new JsseESTServiceBuilder(address[0], Integer.parseInt(address[1]), trusting(args[1]));
        if (place.length > 1) {
            builder.withLabel(place[1]);
        }
        switch (args[2]) {
            case "cacerts" -> write(args[3], ESTService.storeToArray(builder.build().getCACerts().getCertificateStore()));
            case "enroll" -> {
                char[] password = Files.readString(Path.of(args[6])).strip().toCharArray();
                enroll(builder.build(), false, args[4], new HttpAuth(args[5], password), args[3]);
            }
            case "reenroll" -> {
                KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
                keys.init(PemCredentials.load(args[5], args[6], null).keystore(IN_MEMORY), IN_MEMORY);
                enroll(builder.withKeyManagers(keys.getKeyManagers()).build(), true, args[4], null, args[3]);
            }
            default -> throw new IllegalArgumentException(args[2]);
        }
    }

    private static void enroll(ESTService service, boolean again, String csr, ESTAuth auth, String out) throws Exception {
        PKCS10CertificationRequest request;
        try (PEMParser parser = new PEMParser(new FileReader(csr))) {
            request = (PKCS10CertificationRequest) parser.readObject();
        }
        EnrollmentResponse answer = service.simpleEnroll(again, request, auth);
        if (!answer.isCompleted()) {
            System.err.println("status 202: not before " + answer.getNotBefore());
            System.exit(1);
        }
        write(out, ESTService.storeToArray(answer.getStore()));
    }

    private static X509TrustManager trusting(String anchor) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (PEMParser parser = new PEMParser(new FileReader(anchor))) {
            X509CertificateHolder holder = (X509CertificateHolder) parser.readObject();
            store.setCertificateEntry("anchor", new JcaX509CertificateConverter().getCertificate(holder));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        for (TrustManager manager : factory.getTrustManagers()) {
            if (manager instanceof X509TrustManager found) {
                return found;
            }
        }
        throw new IllegalStateException("no trust manager");
    }

    private static void write(String file, X509CertificateHolder[] certificates) throws IOException {
        try (JcaPEMWriter writer = new JcaPEMWriter(new FileWriter(file))) {
            for (X509CertificateHolder certificate : certificates) {
                writer.writeObject(certificate);
            }
        }
    }
}
