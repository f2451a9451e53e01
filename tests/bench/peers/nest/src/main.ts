// The REST endpoints that are measured, on NestJS with TypeORM and Socket.IO, as its documentation
// has one write them. PORT, JWT_SECRET and PGHOST (a folder with the server's socket) say where.

import 'reflect-metadata';

import { Module, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';

import { Appointment, Attachment, Conversation, Message, OutboxEvent, Participant, User } from './entities';
import { MessagingController } from './messaging.controller';
import { MessagingGateway } from './messaging.gateway';
import { MessagingService } from './messaging.service';

const entities = [Appointment, Attachment, Conversation, Message, OutboxEvent, Participant, User];

@Module({
    imports: [
        TypeOrmModule.forRoot({
            type: 'postgres',
            host: process.env.PGHOST,
            username: process.env.PGUSER,
            database: process.env.PGDATABASE,
            entities,
            poolSize: 20,
        }),
        TypeOrmModule.forFeature(entities),
        JwtModule.register({ secret: process.env.JWT_SECRET }),
    ],
    controllers: [MessagingController],
    providers: [MessagingService, MessagingGateway],
})
class AppModule {}

async function bootstrap() {
    const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
    app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
    app.enableShutdownHooks();
    await app.listen(Number(process.env.PORT), '127.0.0.1');
}

void bootstrap();
