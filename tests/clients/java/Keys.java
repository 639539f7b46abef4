import java.io.DataInputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;

/** What several clients do with keys and keystores. */
final class Keys {
    private Keys() {}

    /** A password from the environment; an unset variable is no password. */
    static char[] password(String variable) {
        String value = System.getenv(variable);
        return value == null ? null : value.toCharArray();
    }

    /** Opens a keystore as every Java client does. Since Java 9 either type opens either format. */
    static KeyStore open(String type, String file, char[] password) throws Exception {
        KeyStore store = KeyStore.getInstance(type);
        try (InputStream in = new FileInputStream(file)) {
            store.load(in, password);
        }
        return store;
    }

    /** What the file really is, by its first four octets: what Java 8 would insist on. */
    static String format(String file) throws Exception {
        try (DataInputStream in = new DataInputStream(new FileInputStream(file))) {
            return in.readInt() == 0xfeedfeed ? "JKS" : "PKCS12";
        }
    }

    /** Whether what the private key signs is what the public key verifies. */
    static boolean belongTogether(PrivateKey key, PublicKey publicKey) throws Exception {
        String algorithm = switch (key.getAlgorithm()) {
            case "EC", "ECDSA" -> "SHA256withECDSA";
            case "RSA" -> "SHA256withRSA";
            default -> "Ed25519";
        };
        byte[] message = "signed by the private key".getBytes("UTF-8");
        Signature signer = Signature.getInstance(algorithm);
        signer.initSign(key);
        signer.update(message);
        byte[] signature = signer.sign();
        Signature verifier = Signature.getInstance(algorithm);
        verifier.initVerify(publicKey);
        verifier.update(message);
        return verifier.verify(signature);
    }
}
