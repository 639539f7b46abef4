import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Opens a keystore and prints what a JVM finds in it: {@code KeystoreCheck JKS|PKCS12 FILE}, passwords in
 * STORE_PASSWORD and KEY_PASSWORD. Every key signs, and the first certificate of its chain verifies.
 */
final class KeystoreCheck {
    public static void main(String[] args) throws Exception {
        KeyStore store;
        List<Object> entries = new ArrayList<>();
        try {
            store = Keys.open(args[0], args[1], Keys.password("STORE_PASSWORD"));
            for (String alias : Collections.list(store.aliases())) {
                entries.add(store.isKeyEntry(alias) ? key(store, alias) : trusted(store, alias));
            }
        } catch (Exception e) {
            System.out.println(Json.text(Json.object("error", e.toString())));
            System.exit(1);
        }
        System.out.println(Json.text(Json.object("format", Keys.format(args[1]), "entries", entries)));
    }

    private static Object key(KeyStore store, String alias) throws Exception {
        PrivateKey key = (PrivateKey) store.getKey(alias, Keys.password("KEY_PASSWORD"));
        Certificate[] chain = store.getCertificateChain(alias);
        List<Object> subjects = new ArrayList<>();
        for (int i = 0; i < chain.length; i++) {
            subjects.add(subject(chain[i]));
            if (i + 1 < chain.length) {
                chain[i].verify(chain[i + 1].getPublicKey());
            }
        }
        return Json.object(
                "alias", alias,
                "kind", "key",
                "algorithm", key.getAlgorithm(),
                "signs", Keys.belongTogether(key, chain[0].getPublicKey()),
                "chain", subjects);
    }

    private static Object trusted(KeyStore store, String alias) throws Exception {
        return Json.object("alias", alias, "kind", "trusted", "subject", subject(store.getCertificate(alias)));
    }

    private static String subject(Certificate certificate) {
        return ((X509Certificate) certificate).getSubjectX500Principal().getName();
    }
}
