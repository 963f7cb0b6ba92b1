// The adapter of a client on java.net.http.HttpClient, as most people write it (Java 17 or newer):
//   relace-mock verify-client --stdio 'java JavaHttpClient.java'
//
// `embed` is the client. The JDK has no JSON parser; `Json` replaces the library of a real program.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

public class JavaHttpClient {
    static final HttpClient HTTP = HttpClient.newHttpClient();

    @SuppressWarnings("serial") // it is never serialized
    static class EmbedException extends IOException {
        final int status;

        EmbedException(int status, String body) {
            super("Relace answered " + status + ": " + body);
            this.status = status;
        }
    }

    static Map<String, Object> embed(
            String baseUrl, String apiKey, Object model, Object texts, Duration timeout)
            throws IOException, InterruptedException {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("model", model);
        body.put("input", texts);
        HttpRequest request = HttpRequest.newBuilder(URI.create(baseUrl + "/code/embed"))
                .header("Authorization", "Bearer " + apiKey)
                .header("Content-Type", "application/json")
                .timeout(timeout)
                .POST(BodyPublishers.ofString(Json.write(body)))
                .build();
        HttpResponse<String> response = HTTP.send(request, BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new EmbedException(response.statusCode(), response.body());
        }
        return object(Json.read(response.body()));
    }

    // The protocol. Only answers go to standard output.

    public static void main(String[] arguments) throws IOException {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> message = object(Json.read(line));
            if (message.get("cmd").equals("stop")) {
                break;
            }
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("seq", message.get("seq"));
            answer.putAll(message.get("cmd").equals("start") ? identity() : answer(message));
            out.print(Json.write(answer) + "\n");
            out.flush();
        }
        System.exit(0);
    }

    static Map<String, Object> identity() {
        return Map.of(
                "client", "Java HttpClient",
                "version", System.getProperty("java.version"),
                "language", "java",
                "features", List.of("timeout"));
    }

    static Map<String, Object> answer(Map<String, Object> call) {
        try {
            Map<String, Object> content = embed(
                    (String) call.get("base_url"),
                    (String) call.get("api_key"),
                    call.get("model"),
                    call.get("input"),
                    Duration.ofMillis(((Number) call.get("timeout_ms")).longValue()));
            List<Object> vectors = new ArrayList<>();
            for (Object result : (List<?>) content.get("results")) {
                vectors.add((List<?>) object(result).get("embedding"));
            }
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("outcome", "ok");
            said.put("embeddings", vectors);
            Object usage = content.get("usage");
            said.put("total_tokens", usage == null ? null : object(usage).get("total_tokens"));
            return said;
        } catch (EmbedException error) {
            Map<String, Object> said = failed(kind(error.status), error);
            said.put("status", error.status);
            return said;
        } catch (HttpTimeoutException error) {
            return failed("timeout", error);
        } catch (IOException error) {
            return failed("connection", error);
        } catch (Exception error) {
            return failed("other", error);
        }
    }

    static String kind(int status) {
        return switch (status) {
            case 400 -> "bad_request";
            case 401 -> "authentication";
            case 404 -> "key_not_found";
            case 429 -> "rate_limit";
            default -> status >= 500 ? "server" : "other";
        };
    }

    static Map<String, Object> failed(String kind, Exception error) {
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("outcome", "error");
        said.put("kind", kind);
        said.put("message", error.toString());
        return said;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    /** Reads and writes JSON: maps, lists, strings, numbers, booleans and null. */
    static class Json {
        private static final Pattern INTEGER = Pattern.compile("-?(0|[1-9]\\d*)");
        private static final Pattern NUMBER =
                Pattern.compile(INTEGER + "(\\.\\d+)?([eE][+-]?\\d+)?");

        private final String text;
        private int place;

        private Json(String text) {
            this.text = text;
        }

        static Object read(String text) {
            Json json = new Json(text);
            Object value = json.value();
            json.blanks();
            if (json.place < text.length()) {
                throw json.wrong();
            }
            return value;
        }

        static String write(Object value) {
            StringBuilder out = new StringBuilder();
            write(value, out);
            return out.toString();
        }

        private static void write(Object value, StringBuilder out) {
            String comma = "";
            if (value instanceof Map<?, ?> map) {
                out.append('{');
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(comma);
                    write(entry.getKey(), out);
                    out.append(':');
                    write(entry.getValue(), out);
                    comma = ",";
                }
                out.append('}');
            } else if (value instanceof List<?> list) {
                out.append('[');
                for (Object item : list) {
                    out.append(comma);
                    write(item, out);
                    comma = ",";
                }
                out.append(']');
            } else if (value instanceof String string) {
                out.append('"');
                for (char one : string.toCharArray()) {
                    if (one == '"' || one == '\\') {
                        out.append('\\').append(one);
                    } else if (one < ' ') {
                        out.append(String.format("\\u%04x", (int) one));
                    } else {
                        out.append(one);
                    }
                }
                out.append('"');
            } else {
                out.append(value);
            }
        }

        private Object value() {
            char first = next();
            switch (first) {
                case '{' -> {
                    Map<String, Object> map = new LinkedHashMap<>();
                    if (ends('}')) {
                        return map;
                    }
                    do {
                        demand('"');
                        String name = string();
                        demand(':');
                        map.put(name, value());
                    } while (more('}'));
                    return map;
                }
                case '[' -> {
                    List<Object> list = new ArrayList<>();
                    if (ends(']')) {
                        return list;
                    }
                    do {
                        list.add(value());
                    } while (more(']'));
                    return list;
                }
                case '"' -> {
                    return string();
                }
                default -> {
                    int start = place - 1;
                    while (place < text.length() && ",]} \t\r\n".indexOf(text.charAt(place)) < 0) {
                        place++;
                    }
                    return word(text.substring(start, place));
                }
            }
        }

        private Object word(String word) {
            switch (word) {
                case "null":
                    return null;
                case "true":
                    return true;
                case "false":
                    return false;
                default:
            }
            if (INTEGER.matcher(word).matches()) {
                return new BigInteger(word);
            }
            if (NUMBER.matcher(word).matches()) {
                return Double.valueOf(word);
            }
            throw wrong();
        }

        private String string() {
            StringBuilder out = new StringBuilder();
            while (place < text.length()) {
                char one = text.charAt(place++);
                if (one == '"') {
                    return out.toString();
                }
                if (one < ' ') {
                    break;
                }
                out.append(one == '\\' ? escape() : one);
            }
            throw wrong();
        }

        private char escape() {
            char one = text.charAt(place++);
            if (one == 'u') {
                place += 4;
                return (char) Integer.parseInt(text.substring(place - 4, place), 16);
            }
            int known = "\"\\/bfnrt".indexOf(one);
            if (known < 0) {
                throw wrong();
            }
            return "\"\\/\b\f\n\r\t".charAt(known);
        }

        private void blanks() {
            while (place < text.length() && " \t\r\n".indexOf(text.charAt(place)) >= 0) {
                place++;
            }
        }

        private char next() {
            blanks();
            if (place == text.length()) {
                throw wrong();
            }
            return text.charAt(place++);
        }

        private void demand(char wanted) {
            if (next() != wanted) {
                throw wrong();
            }
        }

        private boolean ends(char end) {
            boolean found = next() == end;
            place -= found ? 0 : 1;
            return found;
        }

        private boolean more(char end) {
            char found = next();
            if (found != ',' && found != end) {
                throw wrong();
            }
            return found == ',';
        }

        private IllegalArgumentException wrong() {
            return new IllegalArgumentException("no JSON at character " + place);
        }
    }
}
