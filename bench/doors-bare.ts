/**
 * A bare fastify as a process of its own: one route whose answer is the text of its standard input, serialized by the schema beside it, and nothing else. Prints the
 * port that it listens on.
 */
import { fastify } from 'fastify';

let said = '';
for await (const chunk of process.stdin) said += String(chunk);
const { schema, answer } = JSON.parse(said) as { readonly schema: object; readonly answer: unknown };
const server = fastify({ logger: false });
server.get('/', { schema: { response: { 200: schema } } }, async () => answer);
await server.listen({ host: '127.0.0.1', port: 0 });
const address = server.server.address();
console.log(typeof address === 'object' && address !== null ? address.port : '');
