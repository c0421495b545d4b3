using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Tasks;

namespace Hakmem.AspNetCore.Benchmarks.Kestrel;

/// <summary>
/// The load: connections that send a known request and count bytes, with as little work as possible of their own, since they share the
/// processors with the server. Every answer has the same length, which the first one tells.
/// </summary>
internal sealed class LoadClient(int port, KestrelScenario scenario) : IDisposable
{
    private const int BufferBytes = 256 << 10;

    private readonly Socket[] _sockets = [.. Enumerable.Range(0, scenario.Connections).Select(_ => Connect(port))];
    private readonly byte[] _request = Encoding.ASCII.GetBytes($"GET {scenario.Path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    // Set by the first request of all, before any round.
    private long _answerBytes;

    /// <summary>Asks once, to learn how long an answer is.</summary>
    public async Task LearnAsync()
    {
        byte[] buffer = new byte[BufferBytes];
        await _sockets[0].SendAsync(_request);
        int read = await _sockets[0].ReceiveAsync(buffer);
        string start = Encoding.ASCII.GetString(buffer, 0, read);
        int headBytes = start.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        const string LengthField = "Content-Length: ";
        int field = start.IndexOf(LengthField, StringComparison.OrdinalIgnoreCase) + LengthField.Length;
        int bodyBytes = int.Parse(start.AsSpan(field, start.IndexOf('\r', field) - field), System.Globalization.CultureInfo.InvariantCulture);
        _answerBytes = headBytes + bodyBytes;
        await ReceiveAsync(_sockets[0], buffer, _answerBytes - read);
    }

    /// <summary>Sends this many requests on each connection and reads all answers.</summary>
    public Task RunAsync(int requestsPerConnection) => Task.WhenAll(_sockets.Select(socket => RunAsync(socket, requestsPerConnection)));

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_sockets, socket => socket.Dispose());

    private async Task RunAsync(Socket socket, int requests)
    {
        byte[] buffer = new byte[BufferBytes];
        byte[] batch = [.. Enumerable.Repeat(_request, scenario.Pipelined).SelectMany(request => request)];
        for (int sent = 0; sent < requests; sent += scenario.Pipelined)
        {
            await socket.SendAsync(batch);
            await ReceiveAsync(socket, buffer, scenario.Pipelined * _answerBytes);
        }
    }

    private static async Task ReceiveAsync(Socket socket, byte[] buffer, long bytes)
    {
        while (bytes > 0)
        {
            int read = await socket.ReceiveAsync(buffer);
            bytes = read > 0 ? bytes - read : throw new InvalidOperationException("The server closed the connection.");
        }
    }

    private static Socket Connect(int port)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        return socket;
    }
}
