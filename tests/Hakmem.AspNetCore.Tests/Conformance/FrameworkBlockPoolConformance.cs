using System;
using System.Buffers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Hakmem.AspNetCore.Tests.Conformance;

// The reference: shows that the suite asks for nothing that Kestrel's own pool does not do.
public sealed class FrameworkBlockPoolConformance : BlockPoolConformance, IDisposable
{
    private readonly ServiceProvider _services;

    public FrameworkBlockPoolConformance()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        _services = builder.Services.BuildServiceProvider();
        Pool = CreateOther();
    }

    protected override MemoryPool<byte> Pool { get; }

    public void Dispose() => _services.Dispose();

    protected override MemoryPool<byte> CreateOther() => _services.GetRequiredService<IMemoryPoolFactory<byte>>().Create();
}
