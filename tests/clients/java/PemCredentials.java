import java.io.FileReader;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMDecryptorProvider;
import org.bouncycastle.openssl.PEMEncryptedKeyPair;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcePEMDecryptorProviderBuilder;

/**
 * A certificate file and a key file as ThingsBoard's PEM credentials take them: certificates in file order, the
 * first private key that is there. Encrypted PKCS#8 is passed over without a word, as the server does.
 */
final class PemCredentials {
    final List<X509Certificate> chain = new ArrayList<>();
    PrivateKey key;

    static {
        Security.addProvider(new BouncyCastleProvider());
    }

    static PemCredentials load(String certificateFile, String keyFile, char[] password) throws Exception {
        PemCredentials credentials = new PemCredentials();
        credentials.read(certificateFile, password, true);
        if (credentials.key == null && keyFile != null) {
            credentials.read(keyFile, password, false);
        }
        if (credentials.chain.isEmpty()) {
            throw new IllegalArgumentException("no certificate in " + certificateFile);
        }
        if (credentials.key == null) {
            throw new IllegalArgumentException("no private key in " + certificateFile + " nor in " + keyFile);
        }
        return credentials;
    }

    /** The same in a keystore in memory, which refuses a chain that is not in order. */
    KeyStore keystore(char[] password) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("server", key, password, chain.toArray(new Certificate[0]));
        return store;
    }

    void read(String file, char[] password, boolean certificates) throws Exception {
        JcaPEMKeyConverter keys = new JcaPEMKeyConverter().setProvider("BC");
        try (PEMParser parser = new PEMParser(new FileReader(file))) {
            for (Object block = parser.readObject(); block != null; block = parser.readObject()) {
                if (block instanceof X509CertificateHolder certificate && certificates) {
                    chain.add(new JcaX509CertificateConverter().getCertificate(certificate));
                } else if (block instanceof PrivateKeyInfo info && key == null) {
                    key = keys.getPrivateKey(info);
                } else if (block instanceof PEMKeyPair pair && key == null) {
                    key = keys.getKeyPair(pair).getPrivate();
                } else if (block instanceof PEMEncryptedKeyPair pair && key == null) {
                    PEMDecryptorProvider decryptor = new JcePEMDecryptorProviderBuilder().setProvider("BC").build(password);
                    key = keys.getKeyPair(pair.decryptKeyPair(decryptor)).getPrivate();
                }
            }
        }
    }
}
