using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.AspNetCore.Benchmarks.IdleConnections;

/// <summary>
/// The <c>idle</c> command: what a service holds that had many uploads at a time, and then only connections that its clients keep open.
/// </summary>
internal static class IdleCommand
{
    private const double BytesPerMiB = 1 << 20;
    private const int Rounds = 2;
    private const int BodyBytes = 1 << 20;

    private static readonly Option<int> s_connections = new("--connections")
    {
        Description = "Connections, each with an upload of 1 MiB.", DefaultValueFactory = _ => 800,
    };

    private static readonly Option<int> s_kept = new("--kept")
    {
        Description = "Connections that stay open, idle.", DefaultValueFactory = _ => 40,
    };

    private static readonly Option<int> s_idle = new("--idle")
    {
        Description = "Seconds until resident memory is looked at.", DefaultValueFactory = _ => 25,
    };

    private static readonly Option<bool> s_quick = new("--quick")
    {
        Description = "Few connections and no idle time: shows that everything runs.",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("idle", "Memory after a peak of uploads, with idle connections kept open.") { s_connections, s_kept, s_idle, s_quick };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        bool quick = parsed.GetValue(s_quick);
        int connections = quick ? 20 : parsed.GetValue(s_connections);
        int kept = Math.Min(quick ? 5 : parsed.GetValue(s_kept), connections);
        TimeSpan idle = TimeSpan.FromSeconds(quick ? 0 : parsed.GetValue(s_idle));
        IAnsiConsole console = TerminalConsole.Create();
        Header.Write(console);
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumn("pool");
        foreach (string heading in (string[])["start MiB", "loaded MiB", "idle MiB", "managed MiB", "pool MiB", "rented MiB", "full collections"])
        {
            table.AddColumn(new TableColumn(heading).RightAligned());
        }

        foreach (string pool in ServerPool.All)
        {
            (IdleFigures start, IdleFigures loaded, IdleFigures end) = await MeasureAsync(pool, connections, kept, idle, cancellation);
            table.AddRow(
                pool, MiB(start.ResidentBytes), MiB(loaded.ResidentBytes), MiB(end.ResidentBytes), MiB(end.ManagedHeapBytes),
                MiB(end.PoolBytes), MiB(end.RentedBytes), (end.FullCollections - loaded.FullCollections).ToString(CultureInfo.InvariantCulture));
        }

        console.Write(table);
        return 0;
    }

    private static async Task<(IdleFigures Start, IdleFigures Loaded, IdleFigures End)> MeasureAsync(
        string pool, int connections, int kept, TimeSpan idle, CancellationToken cancellation)
    {
        using Process server = SelfProcess.Start(IdleServer.Name, pool, connections.ToString(CultureInfo.InvariantCulture));
        List<Socket> sockets = [];
        try
        {
            string line = await server.StandardOutput.ReadLineAsync(cancellation) ?? throw new MeasuringFailedException("the server did not start");
            int port = int.Parse(line, CultureInfo.InvariantCulture);
            IdleFigures start = await AskAsync(port, cancellation);
            sockets.AddRange(Enumerable.Range(0, connections).Select(_ => Connect(port)));
            for (int round = 0; round < Rounds; round++)
            {
                await Task.WhenAll(sockets.Select(socket => UploadAsync(socket, cancellation)));
            }

            IdleFigures loaded = await AskAsync(port, cancellation);

            // Those that stay are spread over all that there were.
            int part = Math.Max(1, connections / Math.Max(1, kept));
            sockets.Where((_, i) => i % part != 0 || i / part >= kept).ToList().ForEach(socket => socket.Dispose());
            await Task.Delay(idle, cancellation);
            return (start, loaded, await AskAsync(port, cancellation));
        }
        finally
        {
            server.StandardInput.Close();
            await server.WaitForExitAsync(cancellation);
            sockets.ForEach(socket => socket.Dispose());
        }
    }

    private static async Task UploadAsync(Socket socket, CancellationToken cancellation)
    {
        byte[] head = Encoding.ASCII.GetBytes($"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BodyBytes}\r\n\r\n");
        await socket.SendAsync(head, cancellation);
        ReadOnlyMemory<byte> body = s_body;
        while (!body.IsEmpty)
        {
            body = body[await socket.SendAsync(body, cancellation)..];
        }

        // The answer has no body, and so comes in one piece.
        byte[] answer = new byte[4096];
        if (await socket.ReceiveAsync(answer, cancellation) == 0)
        {
            throw new MeasuringFailedException("the server closed a connection");
        }
    }

    private static readonly byte[] s_body = new byte[BodyBytes];

    // On a connection of its own, which is closed afterwards.
    private static async Task<IdleFigures> AskAsync(int port, CancellationToken cancellation)
    {
        using HttpClient client = new();
        string text = await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/figures"), cancellation);
        return JsonSerializer.Deserialize(text, FiguresJsonContext.Default.IdleFigures) ?? throw new MeasuringFailedException("the server printed null");
    }

    private static Socket Connect(int port)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        return socket;
    }

    private static string MiB(long bytes) => (bytes / BytesPerMiB).ToString("0.0", CultureInfo.InvariantCulture);
}
